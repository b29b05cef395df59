import { unlinkSync } from "node:fs";
import koffi from "koffi";
import { check, closeFd, libc } from "./libc.ts";
import { newUnixSocket, unixAddress } from "./unix-socket.ts";

const bind = libc.func("int bind(int fd, const void *address, unsigned int length)");
const listen = libc.func("int listen(int fd, int backlog)");
const accept4 = libc.func("int accept4(int fd, void *address, void *length, int flags)");
koffi.struct("iovec", { base: "void *", length: "size_t" });
koffi.struct("msghdr", {
  name: "void *",
  nameLength: "uint32_t",
  pieces: "iovec *",
  pieceCount: "size_t",
  control: "void *",
  controlLength: "size_t",
  flags: "int",
});
const recvmsg = libc.func("int64_t recvmsg(int fd, _Inout_ msghdr *message, int flags)");

const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x40000000;
/** struct cmsghdr: a length of 8 bytes, level and type of 4 each; then the descriptor. */
const controlHead = 16;

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
      const address = unixAddress(path);
      check(bind(this.#fd, address, address.length), "bind", path);
      check(listen(this.#fd, 1), "listen", path);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The descriptor of the terminal's master side, close-on-exec; the caller's to close. @throws {SystemCallError} */
  receive(): number {
    const peer = check(accept4(this.#fd, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK), "accept4", this.path);
    try {
      return receiveFd(peer, this.path);
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

function receiveFd(peer: number, path: string): number {
  const text = Buffer.alloc(4096); // the runtime names the terminal in it
  const control = Buffer.alloc(controlHead + 8);
  const message = {
    name: null,
    nameLength: 0,
    pieces: [{ base: text, length: text.length }],
    pieceCount: 1,
    control,
    controlLength: control.length,
    flags: 0,
  };
  check(Number(recvmsg(peer, message, MSG_CMSG_CLOEXEC)), "recvmsg", path);
  const isRights = control.readInt32LE(8) === SOL_SOCKET && control.readInt32LE(12) === SCM_RIGHTS;
  if (!isRights || control.readBigUInt64LE(0) < controlHead + 4) {
    throw new Error(`${path}: the runtime sent no terminal`);
  }
  return control.readInt32LE(controlHead);
}
