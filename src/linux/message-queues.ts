import { chownSync } from "node:fs";
import type { FileOwner } from "./contract.ts";
import { FSCONFIG_CMD_CREATE, fsconfig, fsmount, fsopen, SYS_fsconfig } from "./file-system-context.ts";
import { check, closeFd } from "./libc.ts";

/**
 * Gives the POSIX message queues of the calling thread's IPC namespace (mq_overview(7)) to `owner`: their directory came
 * into being with the namespace, when nobody was mapped into the user namespace that owns it.
 *
 * @throws {SystemCallError}
 */
export function giveMessageQueues({ uid, gid }: FileOwner): void {
  const type = "mqueue";
  const context = fsopen(type);
  try {
    check(Number(fsconfig(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, null, null, 0)), "fsconfig", type);
    const mount = fsmount(context, type);
    try {
      chownSync(`/proc/thread-self/fd/${mount}`, uid, gid);
    } finally {
      closeFd(mount);
    }
  } finally {
    closeFd(context);
  }
}
