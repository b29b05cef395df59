import { describeFault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import type { HandlerProbe } from "../contract.ts";
import type { RuntimeHost } from "../host.ts";
import { featuresOf } from "./features.ts";
import type { Handler } from "./handlers.ts";
import { nodeNetworkProblem } from "./node-network.ts";
import { probeDeadline, type TrialPlace, tryOut } from "./trial.ts";

/** Finds out what a handler can do here, by creating containers with it and deleting them. Never throws. */
export async function probeHandler(
  handler: Handler,
  version: string,
  place: TrialPlace,
  deadline: Ms = probeDeadline,
): Promise<HandlerProbe> {
  const signal = AbortSignal.timeout(deadline);
  const [failure, features] = await Promise.all([
    tryOut(handler, { mounts: () => [], look: async () => undefined }, place, signal).catch(
      (error: unknown) => ({ isSlow: signal.aborted, reason: describeFault(error) }),
    ),
    featuresOf(handler, place, signal),
  ]);
  const networkProblem = nodeNetworkProblem(handler);
  return {
    handler: handler.name,
    path: handler.path,
    version,
    ...(features.recursiveReadOnly ? {} : { recursiveReadOnlyProblem: noRecursiveReadOnly(version) }),
    ...(networkProblem === undefined ? {} : { nodeNetworkProblem: networkProblem }),
    ...(handler.sandboxer === undefined ? {} : { sandboxer: handler.sandboxer }),
    problem: failure && `${failure.reason} (${failure.isSlow ? tooSlow : unfit})`,
    ...(failure?.isSlow ? { isSlow: true } : {}),
    features,
  };
}

const tooSlow = "it is tried again; is the node overloaded?";
const unfit = "install or choose another runtime, or do what it asks for";

function noRecursiveReadOnly(version: string): string {
  return `${version || "its program"} can't here: that takes crun 1.4 or runc 1.1, and Linux 5.12`;
}

/** The first line of `--version`, as in "crun version 1.8.1"; empty when the program can't run. */
export async function versionOf(
  program: { path: string; env: Readonly<Record<string, string>> },
  { processes }: RuntimeHost,
): Promise<string> {
  const command = { path: program.path, args: ["--version"], env: program.env, maxOutput: 4096 };
  const finished = await processes.run(command, AbortSignal.timeout(probeDeadline)).catch(() => undefined);
  if (finished?.code !== 0) return "";
  return Buffer.from(finished.stdout).toString("utf8").split("\n", 1)[0]?.trim() ?? "";
}
