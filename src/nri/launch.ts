import { spawn } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Logger } from "pino";
import { describeFault, during, Fault } from "../base/fault.ts";
import type { Config } from "../config/schema.ts";
import type { Launched } from "./plugin.ts";

/** The longest line of a plugin's that goes into the log. */
const longestLine = 1000;

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
    const stats = await stat(path).catch(() => undefined);
    if (stats?.isFile() !== true || (stats.mode & 0o111) === 0) continue;
    const [, index, name] = /^([0-9]{2})-(.+)$/.exec(file) ?? [];
    if (index === undefined || name === undefined)
      log.warn({ path }, "is no NRI plugin: its name does not begin with two digits and a dash");
    else found.push({ path, index, name });
  }
  return found;
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
 * @throws {Fault}
 */
export async function launch(
  program: PluginProgram,
  { pluginConfigPath }: Pick<Config["nri"], "pluginConfigPath">,
  log: Logger,
): Promise<{ trunk: Socket; launched: Launched }> {
  const { index, name, path } = program;
  const config = await pluginConfig(pluginConfigPath, program);
  const env = { NRI_PLUGIN_NAME: name, NRI_PLUGIN_IDX: index, NRI_PLUGIN_SOCKET: "3" };
  const child = spawn(path, [], { env, cwd: "/", stdio: ["ignore", "pipe", "pipe", "pipe"] });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(during(`launching NRI plugin ${path}`, error)));
  });
  const [, stdout, stderr, trunk] = child.stdio;
  const plugin = `${index}-${name}`;
  for (const output of [stdout, stderr])
    tellLines(output as Readable, (line) => log.info({ plugin, line }, "an NRI plugin says"));
  child.on("error", (error) =>
    log.warn({ plugin, err: describeFault(error) }, "an NRI plugin could not be ended"),
  );
  child.once("exit", (code, signal) =>
    log.info({ plugin, code, signal }, "an NRI plugin's program has ended"),
  );
  const { pid } = child;
  if (pid === undefined || !(trunk instanceof Object))
    throw new Fault("internal", `launching NRI plugin ${path}: it has no process`);
  return {
    trunk: trunk as unknown as Socket,
    launched: { index, name, config, pid, end: () => void child.kill("SIGKILL") },
  };
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
