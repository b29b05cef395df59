import { unlinkSync } from "node:fs";
import { check, closeFd, libc } from "./libc.ts";
import { receiveMessage } from "./socket-messages.ts";
import { bindUnixSocket, listenOn, newUnixSocket } from "./unix-socket.ts";

const accept4 = libc.func("int accept4(int fd, void *address, void *length, int flags)");

const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
/** The runtime sends the terminal's name along. */
const longestName = 4096;

/**
 * The socket on which an OCI runtime hands over the terminal of a process (`--console-socket`). Made before the runtime
 * is started and asked once that has ended, when what it sent lies in the kernel: nothing here waits.
 */
export class ConsoleSocket implements Disposable {
  readonly path: string;
  readonly #fd: number;

  /** @throws {SystemCallError} */
  constructor(path: string) {
    this.path = path;
    this.#fd = newUnixSocket("stream");
    try {
      bindUnixSocket(this.#fd, path);
      listenOn(this.#fd, path, 1);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The descriptor of the terminal's master side, close-on-exec; the caller's to close. @throws {SystemCallError} */
  receive(): number {
    const peer = check(accept4(this.#fd, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK), "accept4", this.path);
    try {
      const { descriptor } = receiveMessage(peer, longestName, this.path);
      if (descriptor === undefined) throw new Error(`${this.path}: the runtime sent no terminal`);
      return descriptor;
    } finally {
      closeFd(peer);
    }
  }

  [Symbol.dispose](): void {
    closeFd(this.#fd);
    try {
      unlinkSync(this.path);
    } catch {
      // never bound
    }
  }
}
