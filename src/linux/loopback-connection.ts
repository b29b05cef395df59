import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import koffi from "koffi";
import { Fault, isFault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import { check, closeFd, libc, SystemCallError } from "./libc.ts";

const getsockopt = libc.func("int getsockopt(int fd, int level, int name, _Out_ void *value, void *length)");
const getpeername = libc.func("int getpeername(int fd, _Out_ void *address, void *length)");

const SOL_SOCKET = 1;
const SO_ERROR = 4;
const ETIMEDOUT = 110;
const ENOTCONN = 107;

/** Between two looks at a connection that is not made yet: its listener is overrun. */
const lookEveryMs: Ms = 20;
/** The kernel has asked the listener four times by then. */
const patienceMs: Ms = 10_000;

/** A port on the loopback of one family, where something may listen. */
export interface LoopbackPort {
  readonly family: 4 | 6;
  readonly port: number;
}

/**
 * Connects to a port on a loopback, IPv4 first: who listens there may do so on one family alone.
 *
 * @param begin begins a connection that does not block, and hands over its descriptor
 * @throws {Fault} unavailable when nobody answers; what `begin` throws of another kind
 */
export async function connectToLoopback(
  port: number,
  begin: (to: LoopbackPort) => Promise<number>,
): Promise<Socket> {
  let refused: unknown;
  for (const family of [4, 6] as const) {
    try {
      return await connected(await begin({ family, port }));
    } catch (error) {
      if (isFault(error, "notFound")) throw error; // no namespace
      refused ??= error;
    }
  }
  throw new Fault("unavailable", `nothing in the pod answers on port ${port}`, { cause: refused });
}

/** Node has no way to wait for a descriptor: it is looked at now and then. A loopback has answered by the first time. */
async function connected(fd: number): Promise<Socket> {
  try {
    const until = performance.now() + patienceMs;
    while (!isConnected(fd)) {
      if (performance.now() > until) throw new SystemCallError("connect", "", ETIMEDOUT);
      await sleep(lookEveryMs);
    }
  } catch (error) {
    closeFd(fd);
    throw error;
  }
  return new Socket({ fd, allowHalfOpen: true });
}

/** @throws {SystemCallError} when it never will be */
function isConnected(fd: number): boolean {
  const error = Buffer.alloc(4);
  check(getsockopt(fd, SOL_SOCKET, SO_ERROR, error, uint32(error.length)), "getsockopt", "SO_ERROR");
  const errno = error.readInt32LE(0);
  if (errno !== 0) throw new SystemCallError("connect", "", errno);
  const address = Buffer.alloc(28); // struct sockaddr_in6
  if (getpeername(fd, address, uint32(address.length)) === 0) return true;
  if (koffi.errno() === ENOTCONN) return false;
  throw new SystemCallError("getpeername", "", koffi.errno());
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
