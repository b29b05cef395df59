import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";
import { constants as os } from "node:os";
import { join } from "node:path";
import koffi from "koffi";
import { Fault } from "../base/fault.ts";
import { canonicalAddress } from "../base/ip-address.ts";
import { cString } from "./c-string.ts";
import type { NamespaceKind, NamespaceRequest } from "./contract.ts";
import { check, closeFd, errnoOf, libc, systemFault } from "./libc.ts";
import { LostThread } from "./lost-thread.ts";
import { giveMessageQueues } from "./message-queues.ts";
import { NamespaceHolder } from "./namespace-holder.ts";
import { sysctlFile } from "./sysctl.ts";
import { writeSysctl } from "./write-sysctl.ts";

const unshare = libc.func("int unshare(int flags)");
const setns = libc.func("int setns(int fd, int kind)");
const socket = libc.func("int socket(int domain, int type, int protocol)");
const ioctl = libc.func("int ioctl(int fd, unsigned long request, void *argument)");
const sethostname = libc.func("int sethostname(const char *name, size_t length)");
const mount = libc.func(
  "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
);
const umount2 = libc.func("int umount2(const char *target, int flags)");

const cloneFlags: Readonly<Record<NamespaceKind, number>> = {
  net: 0x40000000,
  ipc: 0x08000000,
  uts: 0x04000000,
};
const MS_BIND = 0x1000;
const MNT_DETACH = 0x2;
const UMOUNT_NOFOLLOW = 0x8;
const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 0o2000002;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCGIFADDR = 0x8915;
const IFF_UP = 0x1;
/** struct ifreq: a name of 16 bytes, then what the request takes. */
const ifreqBytes = 40;
const flagsOffset = 16;
/** In a struct sockaddr_in there: after its family and port. */
const addressOffset = 20;

/**
 * The namespaces that this thread began in, to come back to. Everything here acts on the calling thread
 * alone, and is for a worker thread that does nothing else.
 */
export interface OwnNamespaces {
  readonly fds: Readonly<Record<NamespaceKind, number>>;
}

/** The namespaces of the calling thread. */
export function ownNamespaces(): OwnNamespaces {
  const open = (kind: NamespaceKind) => openSync(`/proc/thread-self/ns/${kind}`, "r");
  return { fds: { net: open("net"), ipc: open("ipc"), uts: open("uts") } };
}

/** Puts the calling thread back into its own namespaces. @throws {LostThread} */
export function comeBack(own: OwnNamespaces, kinds: readonly NamespaceKind[]): void {
  try {
    for (const kind of kinds) check(setns(own.fds[kind], cloneFlags[kind]), "setns", kind);
  } catch (error) {
    throw new LostThread("the thread can not go back to its namespaces", { cause: error });
  }
}

/**
 * Makes new namespaces and holds them by bind mounts; `lo` is up in a new network namespace. What it made is
 * taken away when it throws.
 *
 * The pins lie on whatever mount holds the directory and share its propagation: where that is shared, as
 * under systemd, taking a pin away takes it away in every mount namespace that got a copy, which a private
 * mount would not.
 *
 * @throws {Fault} alreadyExists when a pin is there; invalid for a hostname or sysctl that was refused
 * @throws {LostThread}
 */
export function pinNamespaces(request: NamespaceRequest, own: OwnNamespaces): void {
  const { directory, kinds, users } = request;
  const settings = Object.entries(request.sysctls).map(([name, value]) => ({
    name,
    value,
    file: sysctlFile(name, kinds),
  }));
  using undo = new DisposableStack();
  try {
    if (mkdirSync(directory, { recursive: true, mode: 0o700 }) !== undefined)
      undo.defer(() => rmdirSync(directory));
    using holder = users === undefined ? undefined : new NamespaceHolder(kinds, users);
    const pins = kinds.map((kind) => ({ kind: kind as string, path: join(directory, kind) }));
    if (holder !== undefined) pins.push({ kind: "user", path: join(directory, "user") });
    for (const { path } of pins) {
      closeSync(openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o444));
      undo.defer(() => unpinSync(path));
    }
    if (holder === undefined) {
      const flags = kinds.reduce((all, kind) => all | cloneFlags[kind], 0);
      check(unshare(flags), "unshare", kinds.join(","));
    }
    try {
      if (holder !== undefined) enterNamespaces(holder.pid, kinds);
      if (kinds.includes("net")) loopbackUp();
      if (kinds.includes("uts") && request.hostname !== "") setHostname(request.hostname);
      if (users !== undefined && kinds.includes("ipc"))
        giveMessageQueues({ uid: users.uids.hostId, gid: users.gids.hostId });
      for (const setting of settings) writeSysctl(setting, users?.uids.hostId);
      const from = holder === undefined ? "thread-self" : `${holder.pid}`;
      for (const { kind, path } of pins) {
        check(mount(`/proc/${from}/ns/${kind}`, cString(path), null, MS_BIND, null), "mount", path);
      }
    } finally {
      comeBack(own, kinds);
    }
  } catch (error) {
    if (error instanceof Fault || error instanceof LostThread) throw error;
    throw systemFault(`making the namespaces ${kinds.join(", ")} at ${directory}`, error);
  }
  undo.move();
}

/** Puts the calling thread into those of another process. */
function enterNamespaces(pid: number, kinds: readonly NamespaceKind[]): void {
  for (const kind of kinds) {
    const path = `/proc/${pid}/ns/${kind}`;
    const fd = openSync(path, "r");
    try {
      check(setns(fd, cloneFlags[kind]), "setns", path);
    } finally {
      closeSync(fd);
    }
  }
}

function unpinSync(path: string): void {
  umount2(cString(path), MNT_DETACH); // fails when it was not mounted yet
  unlinkSync(path);
}

/** Takes the pins and the directory away; there may be none. @returns false when one is busy: it is left, with those after it */
export function unpinNamespaces(directory: string): boolean {
  try {
    for (const name of readdirSync(directory)) {
      const path = join(directory, name);
      if (!unmountAll(path)) return false;
      unlinkSync(path);
    }
    rmdirSync(directory);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw systemFault(`taking away the namespaces at ${directory}`, error);
  }
  return true;
}

/** Takes away every mount stacked on `path`. @returns false when one is busy */
function unmountAll(path: string): boolean {
  const target = cString(path);
  while (umount2(target, UMOUNT_NOFOLLOW) === 0);
  switch (koffi.errno()) {
    case os.errno.EINVAL: // not a mount point
    case os.errno.ENOENT:
      return true;
    case os.errno.EBUSY:
      return false;
    default:
      check(-1, "umount2", path);
      return false;
  }
}

function loopbackUp(): void {
  const fd = check(socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0), "socket", "AF_INET");
  try {
    const request = Buffer.alloc(ifreqBytes);
    request.write("lo", "latin1");
    check(ioctl(fd, SIOCGIFFLAGS, request), "ioctl", "SIOCGIFFLAGS of lo");
    request.writeUInt16LE(request.readUInt16LE(flagsOffset) | IFF_UP, flagsOffset);
    check(ioctl(fd, SIOCSIFFLAGS, request), "ioctl", "SIOCSIFFLAGS of lo");
  } finally {
    closeFd(fd);
  }
}

function setHostname(hostname: string): void {
  const name = cString(hostname);
  try {
    check(sethostname(name, Buffer.byteLength(hostname)), "sethostname", hostname);
  } catch (error) {
    const kind = errnoOf(error) === "EINVAL" ? "invalid" : "internal";
    throw new Fault(kind, `setting the hostname ${JSON.stringify(hostname)}`, { cause: error });
  }
}

/** Puts the calling thread into the network namespace that `fd` is open on. @throws {SystemCallError} */
export function enterNetwork(fd: number, netns: string): void {
  check(setns(fd, cloneFlags.net), "setns", netns);
}

/** `/proc/net` stands for the namespace of the process's first thread; this is the calling thread's. */
function ownView(file: string): string {
  return file.startsWith("/proc/net/") ? `/proc/thread-self/net/${file.slice("/proc/net/".length)}` : file;
}

/**
 * Reads files within a pinned network namespace.
 *
 * @throws {Fault} notFound when there is no such namespace or file
 * @throws {LostThread}
 */
export function readFilesWithin(netns: string, files: readonly string[], own: OwnNamespaces): string[] {
  return withinNetwork(netns, own, () => files.map((file) => readFileSync(ownView(file), "utf8")));
}

/**
 * The addresses of an interface in a pinned network namespace: of IPv4 the first, of IPv6 all, in their shortest form. None when there is
 * no such interface.
 *
 * @throws {Fault} notFound when there is no such namespace
 * @throws {LostThread}
 */
export function addressesWithin(netns: string, interfaceName: string, own: OwnNamespaces): string[] {
  return withinNetwork(netns, own, () => {
    const list = ownView("/proc/net/if_inet6"); // not there on a node without IPv6
    const listed = existsSync(list) ? ipv6AddressesOf(interfaceName, readFileSync(list, "utf8")) : [];
    const first = firstIpv4AddressOf(interfaceName);
    return first === undefined ? listed : [first, ...listed];
  });
}

/** netdevice(7), SIOCGIFADDR. */
function firstIpv4AddressOf(interfaceName: string): string | undefined {
  const fd = check(socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0), "socket", "AF_INET");
  try {
    const request = Buffer.alloc(ifreqBytes);
    request.write(interfaceName, 0, flagsOffset - 1, "latin1");
    if (ioctl(fd, SIOCGIFADDR, request) !== 0) return undefined;
    return request.subarray(addressOffset, addressOffset + 4).join(".");
  } finally {
    closeFd(fd);
  }
}

/** Lines of /proc/net/if_inet6: an address without its colons, four numbers, the interface. */
function ipv6AddressesOf(interfaceName: string, text: string): string[] {
  const lines = text.split("\n").map((line) => line.split(/ +/));
  return lines
    .filter((words) => words[5] === interfaceName)
    .map(([digits = ""]) => canonicalAddress(digits.replace(/.{4}(?=.)/g, "$&:")));
}

/** Does `work` with this thread in a pinned network namespace. @throws {Fault} as the kernel says */
function withinNetwork<T>(netns: string, own: OwnNamespaces, work: () => T): T {
  try {
    const fd = openSync(netns, "r");
    try {
      enterNetwork(fd, netns);
    } finally {
      closeSync(fd);
    }
    try {
      return work();
    } finally {
      comeBack(own, ["net"]);
    }
  } catch (error) {
    if (error instanceof LostThread) throw error;
    throw systemFault(`reading within the network namespace ${netns}`, error);
  }
}
