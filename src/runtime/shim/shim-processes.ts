import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { Paths } from "../../config/paths.ts";
import { endProcesses } from "../../linux/end-processes.ts";
import { processesBy } from "../../linux/process-args.ts";
import type { ProcessStart } from "../../linux/process-identity.ts";

/** Ends every process of the group's shim, which may be one that is just starting, once `patience` is over. */
export async function endShimProcesses(
  group: string,
  paths: Paths,
  patience: Ms,
  signal: AbortSignal,
): Promise<void> {
  await endProcesses(() => shimProcesses(group, paths), `the shim ${group}`, patience, signal);
}

export async function shimProcesses(group: string, paths: Paths): Promise<ProcessStart[]> {
  return await processesBy((args) => isShimOf(group, args, paths));
}

/** By its command line, which has to name the group and this daemon. */
function isShimOf(group: string, args: readonly string[], { socket }: Paths): boolean {
  const after = (option: string) => args[args.indexOf(option) + 1];
  return args.includes("-id") && after("-id") === group && after("-address") === socket;
}

/** How long runsc may take for what a shim has it do that nobody waits for any more. */
const runscPatience: Ms = 5_000;

/**
 * Waits for what gVisor's shim still has runsc do with a container that is gone, as after a call that was given up: runsc would make
 * the bundle anew for its log.
 */
export async function endRunscCalls(id: ContainerId, paths: Paths, signal: AbortSignal): Promise<void> {
  const log = `--log=${paths.container(id).bundle}/log.json`;
  const find = () => processesBy((args) => args.includes(log));
  await endProcesses(find, `runsc's calls for container ${id}`, runscPatience, signal);
}
