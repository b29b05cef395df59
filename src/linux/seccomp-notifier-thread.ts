/**
 * A thread that answers for system calls which seccomp filters leave to a listener (seccomp_unotify(2)): each is refused, and
 * told of. Calls here wait; nothing else runs on the thread.
 */
import { readSync } from "node:fs";
import { constants } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import koffi from "koffi";
import type { RefusedCall } from "./contract.ts";
import { check, closeFd, libc } from "./libc.ts";
import type { SeccompThreadData } from "./seccomp-notifier.ts";
import { receiveMessage } from "./socket-messages.ts";
import { systemCallName } from "./system-call-name.ts";

const pollCall = libc.func("int poll(_Inout_ void *fds, unsigned long count, int timeout)");
const accept4 = libc.func("int accept4(int fd, void *address, void *length, int flags)");
const ioctl = libc.func("int ioctl(int fd, unsigned long request, _Inout_ void *argument)");
const setsockopt = libc.func(
  "int setsockopt(int fd, int level, int name, const void *value, unsigned int length)",
);

const POLLIN = 1;
const SOCK_CLOEXEC = 0o2000000;
const [SOL_SOCKET, SO_RCVTIMEO] = [1, 20];
/** _IOWR('!', 0, struct seccomp_notif), _IOWR('!', 1, struct seccomp_notif_resp). */
const [NOTIF_RECV, NOTIF_SEND] = [0xc0502100, 0xc0182101];
const [notifBytes, respBytes, pollfdBytes] = [80, 24, 8];
/** The runtime writes the state of the process, with its container's annotations, of which only the beginning counts. */
const stateBytes = 64 * 1024;

const { listener, stop, path } = workerData as SeccompThreadData;
/** What the runtime was told to say of each filter, by its descriptor. */
const filters = new Map<number, string>();

serve();

function serve(): void {
  for (;;) {
    const ready = wait([stop, listener, ...filters.keys()]);
    if (ready.has(stop)) break;
    if (ready.has(listener)) takeFilter();
    for (const fd of filters.keys()) {
      const events = ready.get(fd) ?? 0;
      if ((events & POLLIN) !== 0) answer(fd);
      else if (events !== 0) forget(fd); // whatever had that filter has ended
    }
  }
  for (const fd of filters.keys()) closeFd(fd);
}

/** What poll(2) says of each that has something, waiting until one has. */
function wait(fds: readonly number[]): Map<number, number> {
  const set = Buffer.alloc(fds.length * pollfdBytes);
  for (const [index, fd] of fds.entries()) {
    set.writeInt32LE(fd, index * pollfdBytes);
    set.writeInt16LE(POLLIN, index * pollfdBytes + 4);
  }
  const result = pollCall(set, fds.length, -1);
  if (result < 0 && koffi.errno() !== constants.errno.EINTR) check(result, "poll", path);
  const events = fds.map((fd, index) => [fd, set.readInt16LE(index * pollfdBytes + 6)] as const);
  return new Map(result < 0 ? [] : events.filter(([, event]) => event !== 0));
}

/** A runtime hands over the descriptor of a process's filter (OCI runtime spec, config-linux, Seccomp, listenerPath). */
function takeFilter(): void {
  const peer = accept4(listener, null, null, SOCK_CLOEXEC);
  if (peer < 0) return; // it has gone
  try {
    const second = Buffer.alloc(16);
    second.writeBigInt64LE(1n);
    setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, second, second.length);
    const { text, descriptor } = receiveMessage(peer, stateBytes, path);
    const [, said = ""] = /"metadata"\s*:\s*"([^"\\]*)"/.exec(text.toString("utf8")) ?? [];
    if (descriptor !== undefined) filters.set(descriptor, said); // first: whatever comes after, its calls wait for an answer
    // To its end: the runtime must have written all before this side closes.
    const rest = Buffer.alloc(stateBytes);
    while (readSync(peer, rest) > 0);
  } catch (error) {
    parentPort?.postMessage({ problem: String(error) });
  } finally {
    closeFd(peer);
  }
}

function answer(fd: number): void {
  const notif = Buffer.alloc(notifBytes);
  // Its process may have been killed since.
  if (ioctl(fd, NOTIF_RECV, notif) < 0) return;
  const resp = Buffer.alloc(respBytes);
  notif.copy(resp, 0, 0, 8); // its id
  resp.writeInt32LE(-constants.errno.EPERM, 16);
  ioctl(fd, NOTIF_SEND, resp);
  const call: RefusedCall = {
    metadata: filters.get(fd) ?? "",
    name: systemCallName(notif.readUInt32LE(20), notif.readInt32LE(16)),
    pid: notif.readUInt32LE(8),
  };
  parentPort?.postMessage({ call });
}

function forget(fd: number): void {
  filters.delete(fd);
  closeFd(fd);
}
