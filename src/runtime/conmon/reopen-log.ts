import { constants, readdirSync, statSync } from "node:fs";
import { chmod, open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { throwIfEnded } from "../../base/deadline.ts";
import { Fault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Paths } from "../../config/paths.ts";
import { systemFault } from "../../linux/libc.ts";
import { monitoredBy, recordedMonitor } from "./monitors.ts";

/** conmon's control message (type, height, width): open the log anew. */
const reopenMessage = "2 0 0\n";
const logMode = 0o640;

/**
 * Has the monitor open its log file anew after it was renamed, and waits until it has. Does nothing when the file was
 * not renamed: conmon would put an empty one in its place.
 *
 * @throws {Fault} wrongState when the container has ended; notFound when the log's directory is gone, exhausted
 *   or internal when it takes no new file: the log goes on in the old one
 */
export async function reopenLog(id: ContainerId, paths: Paths, signal: AbortSignal): Promise<void> {
  const monitor = recordedMonitor(id, paths);
  const monitored = monitor === undefined ? undefined : monitoredBy(monitor, paths);
  if (monitor === undefined || monitored === undefined) {
    throw new Fault("wrongState", `container ${id}: its log has no writer any more`);
  }
  const { logPath } = monitored;
  if (logPath === undefined || holds(monitor, logPath)) return;
  await makeNext(logPath, id);
  await send(join(paths.container(id).bundle, "ctl"), id);
  for (let wait = 1; !holds(monitor, logPath); wait = Math.min(wait * 2, 50)) {
    throwIfEnded(signal, `waiting for the monitor of container ${id} to open its log anew`);
    if (monitoredBy(monitor, paths) === undefined) throw new Fault("wrongState", `container ${id} has ended`);
    await sleep(wait);
  }
  await chmod(logPath, logMode);
}

/** The file that conmon opens and gives the log's name: where it can't be made, conmon ends, and the container with it. */
async function makeNext(logPath: string, id: ContainerId): Promise<void> {
  const next = `${logPath}.tmp`;
  try {
    await (await open(next, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, logMode)).close();
  } catch (error) {
    throw systemFault(`container ${id}: beginning its log anew`, error, { path: next });
  }
}

/** True while the process has the very file open that lies at `path` now. */
function holds(pid: number, path: string): boolean {
  const wanted = statSync(path, { throwIfNoEntry: false });
  if (wanted === undefined) return false;
  const fds = `/proc/${pid}/fd`;
  return namesNow(fds).some((fd) => {
    const open = statSync(join(fds, fd), { throwIfNoEntry: false });
    return open !== undefined && open.ino === wanted.ino && open.dev === wanted.dev;
  });
}

function namesNow(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // the process has ended
  }
}

async function send(fifo: string, id: ContainerId): Promise<void> {
  try {
    await using control = await open(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    await control.write(reopenMessage);
  } catch (error) {
    throw new Fault("wrongState", `container ${id}: its monitor takes no messages`, { cause: error });
  }
}
