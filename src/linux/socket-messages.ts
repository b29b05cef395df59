import koffi from "koffi";
import { check, libc } from "./libc.ts";

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
const sendmsg = libc.func("int64_t sendmsg(int fd, msghdr *message, int flags)");

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
/** struct cmsghdr: a length of 8 bytes, level and type of 4 each; then the descriptor. */
const controlHead = 16;
const descriptorBytes = 4;
const controlBytes = controlHead + 8;

/** What one message brought. */
export interface ReceivedMessage {
  readonly text: Buffer;
  /** Close-on-exec; the caller's to close. */
  readonly descriptor: number | undefined;
}

/** Takes one message, and the descriptor that came with it (unix(7), SCM_RIGHTS). @throws {SystemCallError} */
export function receiveMessage(socket: number, most: number, path: string): ReceivedMessage {
  const text = Buffer.alloc(most);
  const control = Buffer.alloc(controlBytes);
  const message = { ...messageOf(text), control, controlLength: control.length };
  const length = check(Number(recvmsg(socket, message, MSG_CMSG_CLOEXEC)), "recvmsg", path);
  const isRights = control.readInt32LE(8) === SOL_SOCKET && control.readInt32LE(12) === SCM_RIGHTS;
  const isWhole = control.readBigUInt64LE(0) >= controlHead + descriptorBytes;
  const descriptor = isRights && isWhole ? control.readInt32LE(controlHead) : undefined;
  return { text: text.subarray(0, length), descriptor };
}

/** Sends an empty datagram to `address` and a descriptor with it. @throws {SystemCallError} */
export function sendDescriptor(socket: number, address: Buffer, descriptor: number, path: string): void {
  const control = Buffer.alloc(controlBytes);
  control.writeBigUInt64LE(BigInt(controlHead + descriptorBytes), 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  control.writeInt32LE(descriptor, controlHead);
  const message = {
    ...messageOf(Buffer.alloc(0)),
    name: address,
    nameLength: address.length,
    control,
    controlLength: control.length,
  };
  check(Number(sendmsg(socket, message, MSG_NOSIGNAL)), "sendmsg", path);
}

function messageOf(text: Buffer) {
  return {
    name: null as Buffer | null,
    nameLength: 0,
    pieces: [{ base: text, length: text.length }],
    pieceCount: 1,
    control: null as Buffer | null,
    controlLength: 0,
    flags: 0,
  };
}
