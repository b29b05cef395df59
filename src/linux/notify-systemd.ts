import { check, closeFd, libc } from "./libc.ts";

const socket = libc.func("int socket(int domain, int type, int protocol)");
const sendto = libc.func(
  "intptr_t sendto(int fd, const void *data, size_t size, int flags, const void *address, unsigned int length)",
);
const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 0o2000002;
const MSG_NOSIGNAL = 0x4000;
const MSG_DONTWAIT = 0x40;
/** struct sockaddr_un: the family in two bytes, then a path of 108. */
const familyBytes = 2;
const maxPath = 108;

/**
 * Tells systemd how the service does (sd_notify(3)): `READY=1`, `STATUS=…`, `WATCHDOG=1`, a line each. Does
 * nothing when the service manager did not ask for it.
 *
 * @throws {SystemCallError} when the manager's socket does not take it
 */
export function notifySystemd(state: string, address = process.env.NOTIFY_SOCKET): void {
  if (address === undefined || address === "") return;
  const path = Buffer.from(address.startsWith("@") ? `\0${address.slice(1)}` : address);
  if (path.length >= maxPath) return;
  const target = Buffer.alloc(familyBytes + path.length);
  target.writeUInt16LE(AF_UNIX);
  path.copy(target, familyBytes);
  const data = Buffer.from(state);
  const fd = check(socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0), "socket", "AF_UNIX");
  try {
    const flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    check(Number(sendto(fd, data, data.length, flags, target, target.length)), "sendto", address);
  } finally {
    closeFd(fd);
  }
}
