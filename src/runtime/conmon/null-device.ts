import { chmodSync, chownSync, statSync } from "node:fs";
import { describeFault } from "../../base/fault.ts";
import type { RuntimeHost } from "../host.ts";

const path = "/dev/null";
const mode = 0o666;

/**
 * Puts the owner and mode of the node's /dev/null right. It is handed to the runtime as the stdin of a container, and
 * crun gives what it is handed to the container's root, also to that of a user namespace, who could then take the device
 * away from everybody. To be called before the container is started, and at a start, for the daemon that was killed in between.
 */
export function takeBackNullDevice({ log }: Pick<RuntimeHost, "log">): void {
  try {
    const now = statSync(path);
    if (now.uid === 0 && now.gid === 0 && (now.mode & 0o777) === mode) return;
    chownSync(path, 0, 0);
    chmodSync(path, mode);
  } catch (error) {
    log.warn({ err: describeFault(error) }, `the owner of ${path} is not root, and could not be changed`);
  }
}
