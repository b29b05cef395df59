import { open } from "node:fs/promises";
import { release } from "node:os";
import type { Bytes, Ms } from "../../base/units.ts";
import { programPath } from "../../linux/program-path.ts";
import type { RuntimeHost } from "../host.ts";
import type { Handler } from "./handlers.ts";
import { callRuntime } from "./runtime-command.ts";

/** How long CRIU may take to look at the kernel. */
const checkDeadline: Ms = 20_000;
/** Of a log's end: where CRIU says why it gave up. */
const logTail: Bytes = 64 << 10;
/** Errors of one log that go into a message. */
const errorsTold = 4;

const noneOfOneContainer =
  "gVisor's checkpoints are of a sandbox with all its containers: of one alone there is none, and none that another sandbox could go on with";

/** Why containers of a handler can't be checkpointed on this host; undefined: they can, as far as CRIU can tell. */
export async function checkpointProblem(
  handler: Handler,
  { processes }: RuntimeHost,
): Promise<string | undefined> {
  if (handler.kind === "runsc") return noneOfOneContainer;
  const signal = AbortSignal.timeout(checkDeadline);
  const help = await callRuntime(handler, { args: ["checkpoint", "--help"] }, { processes }, signal);
  if (help.code !== 0) return `${handler.binary} (${handler.path}) was built without checkpoints`;
  const path = handler.env.PATH ?? "";
  const program = await programPath("criu", path);
  if (program === undefined) return `there is no criu in ${path} (install the package criu)`;
  const run = async (argument: string) => {
    const command = { path: program, args: [argument], env: handler.env, cwd: "/", maxOutput: logTail };
    const { code, stdout, stderr } = await processes.run(command, signal);
    return { code, said: Buffer.concat([stdout, stderr]).toString("utf8") };
  };
  const checked = await run("check");
  if (checked.code === 0) return undefined;
  const version = /[0-9]+(\.[0-9]+)+/.exec((await run("--version")).said)?.[0] ?? "of an unknown version";
  const why = criuErrors(checked.said) || `exit code ${checked.code}`;
  return `criu ${version} (${program}) can't work on kernel ${release()}: ${why} (a newer CRIU may: since 6.13 it takes 4.1)`;
}

/** The last errors of a log of CRIU's; empty when there are none, or no log. */
export async function criuErrorsIn(log: string): Promise<string> {
  try {
    await using file = await open(log, "r");
    const { size } = await file.stat();
    const from = Math.max(0, size - logTail);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(logTail), 0, logTail, from);
    return criuErrors(buffer.toString("utf8", 0, bytesRead));
  } catch {
    return "";
  }
}

function criuErrors(text: string): string {
  // as in "(00.011818) Error (criu/vdso.c:381): vdso: Unexpected rt vDSO area bounds"
  const errors = Array.from(text.matchAll(/\bError \([^)]*\): (.+)/g), ([, words = ""]) => words.trim());
  return [...new Set(errors)].slice(-errorsTold).join("; ");
}
