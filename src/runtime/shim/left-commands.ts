import { describeFault, isFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import { ProcessDetails } from "../../wire/gen/task.v2.ts";
import { createExecCgroup, gather, killWhole } from "../exec-cgroup.ts";
import { isOnHost } from "./handler.ts";
import { handlerOf } from "./handler-of.ts";
import { dropNote, isCommand, notedCommands } from "./noted-commands.ts";
import type { ShimParts } from "./parts.ts";
import type { Shim } from "./shim.ts";
import { answerDeadline } from "./silent.ts";

/**
 * Ends the commands that an earlier daemon was killed in before they were in a cgroup of their own: nobody waits for them any
 * more. Those that were fall with that, as with conmon.
 */
export async function endLeftCommands(parts: ShimParts, signal: AbortSignal): Promise<void> {
  const groups = await parts.shims.groups();
  const ids = groups.flatMap((group) => parts.shims.containersOf(group));
  await Promise.all(
    ids.map((id) =>
      endCommandsIn(id, parts, signal).catch((error: unknown) => {
        if (isFault(error, "notFound")) return; // it has ended
        const err = describeFault(error);
        parts.host.log.warn(
          { container: id, err },
          "commands that an earlier daemon left could not be ended",
        );
      }),
    ),
  );
}

async function endCommandsIn(id: ContainerId, parts: ShimParts, signal: AbortSignal): Promise<void> {
  const { host, shims, execTemplates } = parts;
  const shim = await shims.of(id, signal);
  if (shim !== undefined && !isOnHost(handlerOf(id, parts)))
    return await endInSandbox(id, shim, parts, signal);
  if (shim === undefined) return;
  if ((await shim.calls.state({ id }, { timeout: answerDeadline, signal })).pid === 0) return;
  const { processes } = await shim.calls.pids({ id }, { signal });
  for (const { pid, info } of processes) {
    const execId = info === undefined ? "" : ProcessDetails.decode(info.value).execId;
    if (!isCommand(execId)) continue;
    const { cgroup } = execTemplates.get(id);
    if (cgroup === undefined) continue;
    const own = createExecCgroup(cgroup, "other", host.cgroups);
    gather(own, pid);
    await killWhole(own, host.cgroups, signal);
    await shim.calls.wait({ id, execId }, { signal });
    await shim.calls.delete({ id, execId }, { signal });
  }
}

/** A sandbox's pids are its own: they are signalled by their names. */
async function endInSandbox(
  id: ContainerId,
  { calls }: Shim,
  { paths }: ShimParts,
  signal: AbortSignal,
): Promise<void> {
  for (const execId of notedCommands(id, paths)) {
    // one that was not started, or has ended, can't be killed
    await calls.kill({ id, execId, signal: 9 }, { signal }).catch(() => undefined);
    await calls.delete({ id, execId }, { signal }).catch(() => undefined);
    dropNote(id, execId, paths);
  }
}
