import { constants, existsSync, openSync } from "node:fs";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import type { Logger } from "pino";
import { AT_FDCWD, mknodAt } from "../../linux/files-at.ts";

/** Of a line, what goes into the daemon's log. */
const maxLine = 1000;

/** Makes the FIFO that a shim logs to: it opens that first, and waits for a reader. */
export function makeShimLog(fifo: string): void {
  if (!existsSync(fifo)) mknodAt(AT_FDCWD, fifo, constants.S_IFIFO | 0o600, 0n);
}

/** Passes what a shim logs on to the daemon's log, until disposed of. Open for writing, too: so there is no end to it. */
export function followShimLog(fifo: string, group: string, log: Logger): Disposable {
  const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  const socket = new Socket({ fd, readable: true, writable: false });
  socket.on("error", () => undefined);
  socket.unref();
  const lines = createInterface(socket);
  lines.on("line", (line) => log.debug({ shim: group }, "%s", line.slice(0, maxLine)));
  return {
    [Symbol.dispose]() {
      lines.close();
      socket.destroy();
    },
  };
}
