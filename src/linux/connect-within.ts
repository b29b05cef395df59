import { closeSync, openSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { check, closeFd, errnoOf, libc, systemFault } from "./libc.ts";
import { comeBack, enterNetwork, type OwnNamespaces } from "./namespace-calls.ts";

const socket = libc.func("int socket(int domain, int type, int protocol)");
const connectTo = libc.func("int connect(int fd, const void *address, unsigned int length)");
const setsockopt = libc.func(
  "int setsockopt(int fd, int level, int name, const void *value, unsigned int length)",
);
const fcntl = libc.func("int fcntl(int fd, int command, int64_t argument)");

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_CLOEXEC = 0o2000001;
const SOL_SOCKET = 1;
const SO_SNDTIMEO = 21;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
/** A loopback answers at once, or its listener is overrun. */
const patienceSeconds = 2;

/** struct sockaddr_in and sockaddr_in6 of the loopback (ip(7), ipv6(7)). */
function loopback(family: number, port: number): Buffer {
  const address = Buffer.alloc(family === AF_INET ? 16 : 28);
  address.writeUInt16LE(family, 0);
  address.writeUInt16BE(port, 2);
  if (family === AF_INET) address.set([127, 0, 0, 1], 4);
  else address.writeUInt8(1, 23);
  return address;
}

/**
 * A TCP connection to `port` on the loopback of a pinned network namespace, IPv4 first. For the thread that namespaces
 * are entered on; the socket stays in the namespace wherever it is used.
 *
 * @returns a descriptor that does not block, close-on-exec; whoever gets it closes it
 * @throws {Fault} unavailable when nobody listens there; notFound when there is no such namespace
 * @throws {LostThread}
 */
export function connectWithin(netns: string, port: number, own: OwnNamespaces): number {
  const fd = openNamespace(netns);
  try {
    enterNetwork(fd, netns);
  } finally {
    closeSync(fd);
  }
  try {
    try {
      return connectOver(AF_INET, port);
    } catch (error) {
      // a pod may listen on one family alone
      if (errnoOf(error) !== "ECONNREFUSED") throw error;
      return connectOver(AF_INET6, port);
    }
  } catch (error) {
    throw new Fault("unavailable", `nothing in the pod answers on port ${port}`, { cause: error });
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

function connectOver(family: number, port: number): number {
  const fd = check(socket(family, SOCK_STREAM_CLOEXEC, 0), "socket", String(family));
  try {
    const patience = Buffer.alloc(16); // struct timeval
    patience.writeBigInt64LE(BigInt(patienceSeconds));
    check(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, patience, patience.length), "setsockopt", "SO_SNDTIMEO");
    const address = loopback(family, port);
    check(connectTo(fd, address, address.length), "connect", `port ${port}`);
    check(fcntl(fd, F_SETFL, O_NONBLOCK), "fcntl", "F_SETFL");
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}
