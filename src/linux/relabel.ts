import { constants, lstatSync, readdirSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { pathBytes, within } from "./byte-path.ts";
import type { PathBytes } from "./c-string.ts";
import { getExtendedAttribute, setExtendedAttribute } from "./extended-attributes.ts";
import { errnoOf, systemFault } from "./libc.ts";
import { type OwnedFd, openBeneath, openDirectory, pathAt } from "./open-beneath.ts";

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY;
const attribute = "security.selinux";

/** Nobody's volume: with another label of these the host itself would no longer work. */
const hostDirectories = new Set([
  ...["/", "/bin", "/boot", "/dev", "/etc", "/etc/passwd", "/etc/pki", "/etc/shadow", "/home", "/lib"],
  ...["/lib64", "/media", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/system", "/tmp"],
  ...["/usr", "/var", "/var/lib", "/var/log"],
]);

/** Each level holds a descriptor. */
const maxDepth = 4096;

/**
 * Gives a file, or a directory and all below it, an SELinux label. A container may change the tree meanwhile, and may mean
 * ill: every directory is opened beneath the one above, and no link is followed. Where the root has the label already, only
 * what differs is written. File systems without labels are passed over.
 *
 * @param path absolute, links resolved
 * @throws {Fault} invalid for a directory that the host lives by; as the kernel says
 */
export function relabelTree(path: string, label: string): void {
  if (hostDirectories.has(path))
    throw new Fault("invalid", `${path} must not be relabeled for a container: the host needs its labels`);
  try {
    const value = Buffer.from(label);
    const isNew = labelOf(path) !== label;
    if (!lstatSync(path).isDirectory()) setExtendedAttribute(path, attribute, value);
    else relabelBelow(openDirectory(path), { label, value, isNew }, 0);
  } catch (error) {
    if (errnoOf(error) === "ENOTSUP" || errnoOf(error) === "EOPNOTSUPP") return;
    throw error instanceof Fault ? error : systemFault(`giving ${path} the SELinux label ${label}`, error);
  }
}

interface Wanted {
  readonly label: string;
  readonly value: Uint8Array;
  /** The root has another label: then most below it has, too. */
  readonly isNew: boolean;
}

function relabelBelow(directory: OwnedFd, wanted: Wanted, depth: number): void {
  using opened = directory;
  if (depth > maxDepth) throw new Fault("exhausted", `it is deeper than ${maxDepth} directories`);
  setLabel(pathAt(opened.fd, "."), wanted);
  for (const name of readdirSync(pathAt(opened.fd), "latin1")) {
    const path = within(pathAt(opened.fd), name);
    unlessGone(() => {
      if (!lstatSync(path).isDirectory()) return setLabel(path, wanted);
      const inner = openBeneath(opened.fd, pathBytes(name), directoryFlags, { confine: "noLinks" });
      relabelBelow(inner, wanted, depth + 1);
    });
  }
}

/** What is no longer there, or no directory any more, is passed over. */
function unlessGone(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!["ENOENT", "ENOTDIR", "ELOOP"].includes(errnoOf(error) ?? "")) throw error;
  }
}

function setLabel(path: PathBytes, { label, value, isNew }: Wanted): void {
  if (isNew || labelOf(path) !== label) setExtendedAttribute(path, attribute, value);
}

function labelOf(path: PathBytes): string | undefined {
  const value = getExtendedAttribute(path, attribute);
  return value === undefined ? undefined : Buffer.from(value).toString("utf8").replace(/\0$/, "");
}
