import { type ChildProcess, spawn } from "node:child_process";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Logger } from "pino";
import { during, Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import type { Config } from "../config/schema.ts";
import { endProcesses } from "../linux/end-processes.ts";
import { killIfThere } from "../linux/kill-if-there.ts";
import { processesWith } from "../linux/process-environment.ts";
import type { Launched } from "./plugin.ts";

/** The longest line of a plugin's that goes into the log. */
const longestLine = 1000;

/** In the environment of what is launched: by which daemon, as `Paths.launchedPlugins`. */
const mark = "BERTH_NRI_LAUNCHED";
/** For what an earlier daemon has launched to be gone once it is killed. */
const endDeadline: Ms = 5000;

/** A program in the plugins' directory. */
export interface PluginProgram {
  readonly path: string;
  readonly index: string;
  readonly name: string;
}

/**
 * The programs that are to be run as plugins, by their index: files that can be run and are named `<two digits>-<name>`. Others are
 * told of.
 */
export async function findPrograms(directory: string, log: Logger): Promise<PluginProgram[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") log.error({ directory, err: error }, "the NRI plugins could not be listed");
    return [];
  });
  const found: PluginProgram[] = [];
  for (const file of names.sort()) {
    const path = join(directory, file);
    if (!(await isProgram(path))) continue;
    const [, index, name] = /^([0-9]{2})-(.+)$/.exec(file) ?? [];
    if (index === undefined || name === undefined)
      log.warn({ path }, "is no NRI plugin: its name does not begin with two digits and a dash");
    else found.push({ path, index, name });
  }
  return found;
}

/** Whether it is there, and can be run. */
export async function isProgram(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  return stats?.isFile() === true && (stats.mode & 0o111) !== 0;
}

/**
 * Ends what this daemon, or an earlier one, has launched: plugins that go on though their connection is lost would be there twice. They are known by
 * their environment, which a file says to look for: there is none where nothing was launched, or all of it was ended.
 *
 * @param launchedPlugins that file
 * @throws {Fault}
 */
export async function endLaunched(launchedPlugins: string): Promise<void> {
  if (await isThere(launchedPlugins)) await endAllWith({ [mark]: launchedPlugins });
  await rm(launchedPlugins, { force: true });
}

/** Ends what one program of this daemon's has left: also what its first process was survived by. @throws {Fault} */
export async function endProgram(program: PluginProgram, launchedPlugins: string): Promise<void> {
  await endAllWith({ [mark]: launchedPlugins, ...pluginVariables(program) });
}

async function endAllWith(variables: Readonly<Record<string, string>>): Promise<void> {
  const find = () => processesWith(variables);
  await endProcesses(find, "launched NRI plugins", 0, AbortSignal.timeout(endDeadline));
}

/** By which a plugin knows what it is called, as upstream's library expects. */
function pluginVariables({ index, name }: PluginProgram) {
  return { NRI_PLUGIN_NAME: name, NRI_PLUGIN_IDX: index };
}

async function isThere(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}

/** What `<index>-<name>.conf`, or else `<name>.conf`, says; empty when there is neither. @throws {Fault} */
async function pluginConfig(directory: string, { index, name }: PluginProgram): Promise<string> {
  for (const file of [`${index}-${name}.conf`, `${name}.conf`]) {
    try {
      return await readFile(join(directory, file), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT")
        throw during(`reading the configuration of NRI plugin ${index}-${name}`, error);
    }
  }
  return "";
}

/**
 * Starts a plugin's program with one end of a connection as its file descriptor 3. What it says goes into the log.
 *
 * @returns `ended` settles when its connection was given up and its process is gone
 * @throws {Fault}
 */
export async function launch(
  program: PluginProgram,
  { pluginConfigPath }: Pick<Config["nri"], "pluginConfigPath">,
  launchedPlugins: string,
  log: Logger,
): Promise<{ trunk: Socket; launched: Launched; ended: Promise<unknown> }> {
  const { index, name, path } = program;
  const config = await pluginConfig(pluginConfigPath, program);
  const env = {
    ...pluginVariables(program),
    NRI_PLUGIN_SOCKET: "3",
    [mark]: launchedPlugins,
  };
  await writeFile(launchedPlugins, ""); // before there is a process
  // a group of its own: a script's plugin ends with the script
  const child = spawn(path, [], { env, cwd: "/", stdio: ["ignore", "pipe", "pipe", "pipe"], detached: true });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(during(`launching NRI plugin ${path}`, error)));
  });
  const [, stdout, stderr, trunk] = child.stdio;
  const plugin = `${index}-${name}`;
  for (const output of [stdout, stderr])
    tellLines(output as Readable, (line) => log.info({ plugin, line }, "an NRI plugin says"));
  const exited = new Promise<void>((resolve) =>
    child.once("exit", (code, signal) => {
      log.info({ plugin, code, signal }, "an NRI plugin's program has ended");
      resolve();
    }),
  );
  const givenUp = Promise.withResolvers<void>();
  const { pid } = child;
  if (pid === undefined || !(trunk instanceof Object))
    throw new Fault("internal", `launching NRI plugin ${path}: it has no process`);
  const end = () => {
    endGroup(child);
    givenUp.resolve();
  };
  return {
    trunk: trunk as unknown as Socket,
    launched: { index, name, config, pid, end },
    ended: Promise.all([exited, givenUp.promise]),
  };
}

/** Not of a group without its leader: its number may be another's by now. What is left of it is ended with the daemon. */
function endGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null && signalCode === null) killIfThere(-pid);
}

/** Each line as it is complete; of one that is longer, no more than that is kept. */
function tellLines(output: Readable, tell: (line: string) => void): void {
  let rest = "";
  output.setEncoding("utf8");
  output.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = (lines.pop() ?? "").slice(0, longestLine);
    for (const line of lines) if (line !== "") tell(line.slice(0, longestLine));
  });
  output.on("error", () => undefined);
}
