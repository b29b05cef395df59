import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  lchownSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { constants as osConstants } from "node:os";
import type { FileChange } from "./contract.ts";
import { fileSystemState } from "./file-system-state.ts";
import { errnoOf, SystemCallError, systemFault } from "./libc.ts";
import { makeDirectoryWithin } from "./make-within.ts";

/** How often a tree is removed whose entries go by another's hand, too. */
const maxTries = 100;

/** Makes the changes one after the other, up to the first that fails. May wait for a disk. @throws {Fault} naming it */
export function makeChanges(changes: readonly FileChange[]): void {
  for (const change of changes) {
    try {
      makeChange(change);
    } catch (error) {
      throw systemFault(`${change.change} ${change.path}`, error, { path: change.path });
    }
  }
}

function makeChange(change: FileChange): void {
  switch (change.change) {
    case "makeDirectory":
      makeDirectory(change.path, change.mode);
      return;
    case "makeDirectoryWithin":
      makeDirectoryWithin(change.root, change.path, change.mode, change.owner);
      return;
    case "write":
      writeFileSync(change.path, change.text, { mode: change.mode });
      if (change.owner !== undefined) lchownSync(change.path, change.owner.uid, change.owner.gid);
      return;
    case "replace":
      writeFileSync(`${change.path}.new`, change.text, { mode: change.mode });
      renameSync(`${change.path}.new`, change.path);
      return;
    case "beginLog":
      beginLog(change.path, change.mode);
      return;
    case "remove":
      unlessGone(() => unlinkSync(change.path));
      return;
    case "removeDirectory":
      unlessGone(() => rmdirSync(change.path));
      return;
    case "removeTree":
      removeTree(change.path);
  }
}

/** Node's own says ENOENT where the file system is read-only: who asked would take that for "there is no such pod". */
function makeDirectory(path: string, mode: number): void {
  try {
    mkdirSync(path, { recursive: true, mode });
  } catch (error) {
    if (errnoOf(error) !== "ENOENT" || !fileSystemState(path)?.isReadOnly) throw error;
    throw new SystemCallError("mkdir", path, osConstants.errno.EROFS);
  }
}

/** Node's own stops, and says nothing, where another process removes something in there at the same time. */
function removeTree(path: string): void {
  for (let tries = 0; tries < maxTries; tries++) {
    rmSync(path, { recursive: true, force: true });
    if (!existsSync(path)) return;
  }
  throw new SystemCallError("rmdir", path, osConstants.errno.ENOTEMPTY);
}

function beginLog(path: string, mode: number): void {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
  const file = openSync(path, flags, mode);
  try {
    fchmodSync(file, mode); // the umask may have taken bits away
  } finally {
    closeSync(file);
  }
}

function unlessGone(remove: () => void): void {
  try {
    remove();
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
