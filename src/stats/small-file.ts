import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { nodeIsExhausted } from "../base/fault.ts";
import type { Cgroups } from "../linux/contract.ts";
import { errnoOf, systemFault } from "../linux/libc.ts";
import type { FileText } from "./fields.ts";

/** More than any file of figures has: memory.stat of cgroup v2 is 2 KB, /proc/net/dev 120 bytes an interface. */
const buffer = Buffer.allocUnsafeSlow(32 << 10);

/**
 * The text of a small file that the kernel makes as it is read; undefined for what is not there, is switched off, or goes
 * away meanwhile. Synchronous on purpose: the kernel makes these few bytes in some µs, and a thread's round trip takes
 * ten times that. One read, without asking for a size, as the kernel gives such a file whole.
 */
export function readSmallFile(path: string): FileText {
  try {
    return readFigures(path);
  } catch {
    return undefined;
  }
}

/** As `readSmallFile`, where "there are no figures" would be taken at its word. @throws {Fault} exhausted when the kernel gives no more files */
export function readFigures(path: string): FileText {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    const length = readSync(fd, buffer, 0, buffer.length, 0);
    return length < buffer.length ? buffer.toString("latin1", 0, length) : readFileSync(path, "latin1");
  } catch (error) {
    if (nodeIsExhausted(errnoOf(error))) throw systemFault(`reading ${path}`, error);
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The text of a file of a cgroup, which is a path from the root of the hierarchies. */
export type CgroupFile = (cgroup: string, name: string) => FileText;

/** What stands for a controller that is not mounted. */
const noFile: CgroupFile = () => undefined;

/** How to read the files of a controller's groups, by `read`: with v1 by its name, with v2 all in one tree, `unified`. */
export function cgroupFiles(
  cgroups: Pick<Cgroups, "version" | "directories">,
  read: (path: string) => FileText = readSmallFile,
): (controller: string) => CgroupFile {
  const roots = cgroups.directories("/");
  return (controller) => {
    const path = roots.get(cgroups.version === 2 ? "unified" : controller);
    if (path === undefined) return noFile;
    const root = path.endsWith("/") ? path.slice(0, -1) : path;
    return (cgroup, name) => read(`${root}${cgroup}/${name}`);
  };
}
