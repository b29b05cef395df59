import { statSync } from "node:fs";
import { join } from "node:path";
import { throwIfEnded } from "../../base/deadline.ts";
import { during, Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import type { Processes } from "../../linux/contract.ts";
import { type CniError, parseCniError, printable } from "../../spec/cni-result.ts";

/** What plugins are started with. */
export interface PluginHost {
  readonly processes: Processes;
  /** The environment that plugins inherit; PATH among it, as many of them start iptables. */
  readonly env: Readonly<Record<string, string>>;
  readonly binDirs: readonly string[];
}

/** One call of one plugin (CNI spec 1.1, section 2). */
export interface PluginCall {
  readonly network: string;
  readonly type: string;
  readonly command: "ADD" | "DEL" | "CHECK" | "STATUS" | "GC";
  /** `CNI_…` besides the command and the path. */
  readonly variables: Readonly<Record<string, string>>;
  readonly config: Readonly<Record<string, unknown>>;
}

/** What a plugin said in the proper form. */
class PluginError extends Error {
  override readonly name = "PluginError";
  readonly code: number;

  constructor(error: CniError) {
    const details = error.details === "" || error.message.includes(error.details) ? "" : `; ${error.details}`;
    super(`${error.message}${details} (CNI error ${error.code})`);
    this.code = error.code;
  }
}

const maxOutput: Bytes = 2 ** 20;
/** As root, a file is executable when it is so for anyone. */
const anyExecute = 0o111;

/**
 * Runs the plugin to its end and returns what it printed.
 *
 * @throws {Fault} unavailable when there is no such plugin, when it fails (with what it said), or when it
 * prints more than a megabyte; deadline or cancelled as the signal says, its process group killed
 */
export async function callPlugin(call: PluginCall, host: PluginHost, signal: AbortSignal): Promise<string> {
  const doing = `network "${call.network}": plugin ${call.type}, ${call.command}`;
  throwIfEnded(signal, doing);
  const path = findPlugin(call.type, host.binDirs);
  if (path === undefined) {
    throw new Fault("unavailable", `${doing}: there is no such plugin in ${host.binDirs.join(", ")}`, {
      hint: "install the plugin, or set network.binDirs",
    });
  }
  const finished = await host.processes
    .run(
      {
        path,
        args: [],
        env: { ...host.env, ...call.variables, CNI_COMMAND: call.command, CNI_PATH: host.binDirs.join(":") },
        stdin: JSON.stringify(call.config),
        maxOutput,
      },
      signal,
    )
    .catch((error: unknown) => {
      throw during(doing, error);
    });
  const stdout = Buffer.from(finished.stdout).toString("utf8");
  if (finished.code === 0) {
    if (!finished.truncated) return stdout;
    throw new Fault("unavailable", `${doing}: it printed more than ${maxOutput} bytes`);
  }
  const said = parseCniError(stdout);
  if (said !== undefined) throw new Fault("unavailable", `${doing} failed`, { cause: new PluginError(said) });
  const how = finished.code === null ? `was killed by ${finished.signal}` : `exited with ${finished.code}`;
  const output = printable(
    [finished.stderr, finished.stdout].map((bytes) => Buffer.from(bytes).toString()).join(" "),
  );
  const cause = new Error(output === "" ? "it said nothing" : `it said: ${output}`);
  throw new Fault("unavailable", `${doing} ${how}`, { cause });
}

/** The first executable file of that name; undefined when there is none. */
export function findPlugin(type: string, binDirs: readonly string[]): string | undefined {
  return binDirs.map((directory) => join(directory, type)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found?.isFile() === true && (found.mode & anyExecute) !== 0;
  } catch {
    return false; // a loop of links, a disk that is gone: another directory may have it
  }
}
