import { closeSync, openSync } from "node:fs";
import koffi from "koffi";
import { check, closeFd, libc, SystemCallError, systemFault } from "./libc.ts";
import type { LoopbackPort } from "./loopback-connection.ts";
import { comeBack, enterNetwork, type OwnNamespaces } from "./namespace-calls.ts";

const socket = libc.func("int socket(int domain, int type, int protocol)");
const connectTo = libc.func("int connect(int fd, const void *address, unsigned int length)");

const families = { 4: 2, 6: 10 } as const;
/** A stream that does not block, close-on-exec. */
const SOCK_STREAM_FLAGS = 0o2004001;
const EINPROGRESS = 115;

/** struct sockaddr_in and sockaddr_in6 of the loopback (ip(7), ipv6(7)). */
function loopback({ family, port }: LoopbackPort): Buffer {
  const address = Buffer.alloc(family === 4 ? 16 : 28);
  address.writeUInt16LE(families[family], 0);
  address.writeUInt16BE(port, 2);
  if (family === 4) address.set([127, 0, 0, 1], 4);
  else address.writeUInt8(1, 23);
  return address;
}

/**
 * Begins a TCP connection on the loopback of a pinned network namespace. For the thread that namespaces are entered on; the
 * socket stays in the namespace wherever it is used, and is waited for elsewhere.
 *
 * @returns a descriptor that does not block, close-on-exec; whoever gets it closes it
 * @throws {SystemCallError} when it is refused at once
 * @throws {Fault} notFound when there is no such namespace
 * @throws {LostThread}
 */
export function connectWithin(netns: string, to: LoopbackPort, own: OwnNamespaces): number {
  const fd = openNamespace(netns);
  try {
    enterNetwork(fd, netns);
  } finally {
    closeSync(fd);
  }
  try {
    return begin(to);
  } finally {
    comeBack(own, ["net"]);
  }
}

function openNamespace(netns: string): number {
  try {
    return openSync(netns, "r");
  } catch (error) {
    throw systemFault(`entering the network namespace ${netns}`, error);
  }
}

function begin(to: LoopbackPort): number {
  const fd = check(socket(families[to.family], SOCK_STREAM_FLAGS, 0), "socket", `IPv${to.family}`);
  const address = loopback(to);
  if (connectTo(fd, address, address.length) === 0) return fd;
  const errno = koffi.errno();
  if (errno === EINPROGRESS) return fd;
  closeFd(fd);
  throw new SystemCallError("connect", `port ${to.port}`, errno);
}
