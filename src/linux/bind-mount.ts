import { constants, type Stats } from "node:fs";
import { mkdir, open, stat, writeFile } from "node:fs/promises";
import { Fault } from "../base/fault.ts";
import { cString } from "./c-string.ts";
import type { BindOptions } from "./contract.ts";
import { closeFd, errnoOf, libc, systemFault } from "./libc.ts";
import { openDirectory, openInRoot, pathAt } from "./open-beneath.ts";
import { callOnPool } from "./pool-calls.ts";

const openTree = libc.func("syscall", "long", ["long", "int", "const char *", "unsigned int"]);
const mountSetattr = libc.func("syscall", "long", [
  "long",
  "int",
  "const char *",
  "unsigned int",
  "void *",
  "size_t",
]);
const moveMount = libc.func("syscall", "long", [
  "long",
  "int",
  "const char *",
  "int",
  "const char *",
  "unsigned int",
]);

/** The same on every architecture. */
const SYS_open_tree = 428;
const SYS_move_mount = 429;
const SYS_mount_setattr = 442;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 0x1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
const MOUNT_ATTR_IDMAP = 0x100000n;

/** mount_setattr(2): what can be set of a mount, by the name of the option that asks for it. */
const attributes = {
  readonly: 0x1n,
  nosuid: 0x2n,
  nodev: 0x4n,
  noexec: 0x8n,
} as const satisfies Partial<Record<keyof BindOptions, bigint>>;

const propagations = {
  private: 1n << 18n,
  slave: 1n << 19n,
  shared: 1n << 20n,
} as const satisfies Record<NonNullable<BindOptions["propagation"]>, bigint>;

/**
 * A bind mount that is never visible without its attributes: it is made aside, given them there, and moved into place
 * (Linux 5.12).
 */
export async function bind(source: string, target: string, options: BindOptions = {}): Promise<void> {
  try {
    using tree = await cloneTree(source, options.recursive === true);
    await setAttributes(tree.fd, source, options);
    const to = cString(target);
    const how = MOVE_MOUNT_F_EMPTY_PATH;
    await callOnPool(moveMount, "move_mount", target, SYS_move_mount, tree.fd, "", AT_FDCWD, to, how);
  } catch (error) {
    throw new Fault("internal", `binding ${source} to ${target}`, { cause: error });
  }
}

/**
 * Has the kernel show what lies in `source` with the ids of a user namespace, where nobody sees it.
 *
 * @throws {Fault} internal when it can't: the file system has no ID-mapped mounts, or the kernel has none
 */
export async function probeIdmap(source: string, namespace: string): Promise<void> {
  try {
    using tree = await cloneTree(source, false);
    await setAttributes(tree.fd, source, { idmap: namespace });
  } catch (error) {
    throw new Fault("internal", `showing ${source} with other ids`, { cause: error });
  }
}

/** A copy of the mount at `source` that is attached nowhere. @throws {SystemCallError} */
async function cloneTree(source: string, recursive: boolean): Promise<{ readonly fd: number } & Disposable> {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
  const from = cString(source);
  const fd = await callOnPool(openTree, "open_tree", source, SYS_open_tree, AT_FDCWD, from, flags);
  return { fd, [Symbol.dispose]: () => closeFd(fd) };
}

/** As `Mounts.bindWithin`. */
export async function bindWithin(
  root: string,
  path: string,
  target: string,
  options: BindOptions = {},
): Promise<void> {
  using top = openDirectory(root);
  try {
    using found = await openInRoot(top.fd, path);
    const source = pathAt(found.fd);
    await makeTarget(target, await stat(source), path);
    await bind(source, target, options);
  } catch (error) {
    if (error instanceof Fault) throw error;
    const missing = ["ENOENT", "ENOTDIR", "ELOOP"].includes(errnoOf(error) ?? "");
    throw missing
      ? new Fault("notFound", `there is no ${path} in ${root}`, { cause: error })
      : systemFault(`binding ${path} of ${root} to ${target}`, error);
  }
}

async function makeTarget(target: string, source: Stats, path: string): Promise<void> {
  if (source.isDirectory()) await mkdir(target, { mode: 0o700 });
  else if (source.isFile()) await writeFile(target, "", { mode: 0o600, flag: "wx" });
  else throw new Fault("invalid", `${path} is neither a directory nor a file`);
}

/** Of the whole tree when it was taken whole, else of its one mount; ids of that one alone. */
async function setAttributes(tree: number, source: string, options: BindOptions): Promise<void> {
  const { recursive, propagation, idmap } = options;
  const names = Object.keys(attributes) as (keyof typeof attributes)[];
  const set = names.reduce((bits, name) => (options[name] === true ? bits | attributes[name] : bits), 0n);
  const spreads = propagation === undefined ? 0n : propagations[propagation];
  if (set !== 0n || spreads !== 0n) {
    await setMount(tree, source, recursive === true ? AT_RECURSIVE : 0, [set, 0n, spreads, 0n]);
  }
  if (idmap === undefined) return;
  // A pinned namespace is a file like any other; without O_NONBLOCK a fifo in its place would hold the thread.
  await using namespace = await open(idmap, constants.O_RDONLY | constants.O_NONBLOCK);
  await setMount(tree, source, 0, [MOUNT_ATTR_IDMAP, 0n, 0n, BigInt(namespace.fd)]);
}

/** @param attr struct mount_attr: what is set, what is cleared, the propagation, a user namespace's descriptor */
async function setMount(tree: number, on: string, flags: number, attr: readonly bigint[]): Promise<void> {
  const given = new BigUint64Array(attr);
  const at = AT_EMPTY_PATH | flags;
  const size = given.byteLength;
  await callOnPool(mountSetattr, "mount_setattr", on, SYS_mount_setattr, tree, "", at, given, size);
}
