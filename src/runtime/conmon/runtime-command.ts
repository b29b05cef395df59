import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import type { Finished } from "../../linux/contract.ts";
import type { RuntimeHost } from "../host.ts";
import type { Handler } from "./handlers.ts";
import { wordsOf } from "./runtime-words.ts";

/** The answer to `state` with its annotations; errors are far shorter. */
const maxOutput: Bytes = 1 << 20;

/** A call of an OCI runtime: `start <id>`, `update --resources - <id>` with the resources as input. */
export interface RuntimeCommand {
  readonly args: readonly string[];
  readonly input?: string;
}

/** Runs an OCI runtime to its end, whatever it answers. @throws {Fault} unavailable when its program is gone; as `signal` says */
export async function callRuntime(
  handler: Handler,
  command: RuntimeCommand,
  { processes }: Pick<RuntimeHost, "processes">,
  signal: AbortSignal,
): Promise<Finished> {
  const run = {
    path: handler.path,
    args: [...handler.args, "--log-format=json", ...command.args],
    env: handler.env,
    cwd: "/",
    maxOutput,
    ...(command.input === undefined ? {} : { stdin: command.input }),
  };
  return await processes.run(run, signal);
}

/** Runs an OCI runtime that has to succeed. @throws {Fault} internal with what the runtime said */
export async function requireRuntime(
  handler: Handler,
  command: RuntimeCommand,
  host: Pick<RuntimeHost, "processes">,
  signal: AbortSignal,
): Promise<Finished> {
  const finished = await callRuntime(handler, command, host, signal);
  if (finished.code === 0) return finished;
  throw runtimeFault(handler, command.args[0] ?? "", finished);
}

/** What a runtime that failed said, as the Fault to throw. */
export function runtimeFault(
  handler: Handler,
  verb: string,
  ended: Pick<Finished, "code" | "signal" | "stderr">,
): Fault {
  const how = ended.signal === null ? `exit code ${ended.code}` : `killed by ${ended.signal}`;
  const words = wordsOf(Buffer.from(ended.stderr).toString("utf8"));
  return new Fault("internal", `${handler.binary} ${verb}: ${words === "" ? how : words}`);
}
