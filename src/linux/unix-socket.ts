import { check, libc } from "./libc.ts";

const socket = libc.func("int socket(int domain, int type, int protocol)");
const bind = libc.func("int bind(int fd, const void *address, unsigned int length)");
const listen = libc.func("int listen(int fd, int backlog)");

const AF_UNIX = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
/** As numbered by socket(2). */
const types = { stream: 1, datagrams: 2, packets: 5 } as const;
const longestPath = 107;

/** A unix socket that never blocks, close-on-exec: a descriptor, the caller's to close. @throws {SystemCallError} */
export function newUnixSocket(type: keyof typeof types): number {
  return check(socket(AF_UNIX, types[type] | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket", "AF_UNIX");
}

/**
 * struct sockaddr_un (unix(7)) of a path, or of an abstract name, which begins with a zero byte.
 *
 * @throws {RangeError} for a path that is too long
 */
export function unixAddress(path: string): Buffer {
  const bytes = Buffer.from(path);
  if (bytes.length > longestPath) throw new RangeError(`a socket's path of ${bytes.length} bytes: ${path}`);
  const end = path.startsWith("\0") ? 0 : 1; // an abstract name has no end but that of the address
  const address = Buffer.alloc(2 + bytes.length + end);
  address.writeUInt16LE(AF_UNIX, 0);
  bytes.copy(address, 2);
  return address;
}

/** Gives a socket a path, or an abstract name, which begins with a zero byte. @throws {SystemCallError, RangeError} */
export function bindUnixSocket(fd: number, path: string): void {
  const address = unixAddress(path);
  check(bind(fd, address, address.length), "bind", path);
}

/** @param atMost connections that may wait @throws {SystemCallError} */
export function listenOn(fd: number, path: string, atMost: number): void {
  check(listen(fd, atMost), "listen", path);
}
