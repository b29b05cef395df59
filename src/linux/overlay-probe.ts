import { readSync } from "node:fs";
import koffi from "koffi";
import { cString, shown } from "./c-string.ts";
import {
  FSCONFIG_CMD_CREATE,
  FSCONFIG_SET_STRING,
  fsconfig,
  fsopen,
  SYS_fsconfig,
} from "./file-system-context.ts";
import { closeFd, libc, SystemCallError } from "./libc.ts";

const opendir = libc.func("void *opendir(const char *path)");
const readdir = libc.func("void *readdir(void *directory)");
const closedir = libc.func("int closedir(void *directory)");

const maxComplaint = 1024;

/** The directories of an overlay; `upper` and `work` are empty and on one file system. */
export interface OverlayDirectories {
  readonly lower: string;
  readonly upper: string;
  readonly work: string;
}

/**
 * Has the kernel put an overlay together of these directories, without attaching it anywhere: nobody sees it, and it is
 * gone when the call returns. Synchronous.
 *
 * @throws {SystemCallError} with what the kernel says of it as the cause; ENODEV where it has no overlayfs
 */
export function probeOverlay(directories: OverlayDirectories): void {
  const context = fsopen("overlay");
  try {
    for (const [name, directory] of Object.entries(directories)) {
      const set = fsconfig(SYS_fsconfig, context, FSCONFIG_SET_STRING, `${name}dir`, cString(directory), 0);
      require(Number(set), context, directory);
    }
    require(Number(
      fsconfig(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, null, null, 0),
    ), context, directories.upper);
  } finally {
    closeFd(context);
  }
}

function require(result: number, context: number, on: string): void {
  if (result >= 0) return;
  const error = new SystemCallError("fsconfig", `of an overlay on ${shown(on)}`, koffi.errno());
  error.cause = complaint(context);
  throw error;
}

/** What the kernel wrote for whoever set the file system up; undefined when it kept silent. */
function complaint(context: number): string | undefined {
  try {
    const words = Buffer.alloc(maxComplaint);
    const said = words.toString("utf8", 0, readSync(context, words)).trim();
    return said.replace(/^[ewi] (overlay: |overlayfs: )?/, "");
  } catch {
    return undefined;
  }
}

/** Of struct dirent on 64-bit machines: after inode (8), offset (8) and length (2). */
const dirent = koffi.struct({ head: koffi.array("uint8_t", 18), type: "uint8_t" });

/**
 * True when the file system tells the type of each entry with its name, which overlayfs needs to find whiteouts. The
 * directory must hold something. Synchronous.
 *
 * @throws {SystemCallError} when it can't be opened
 */
export function tellsEntryTypes(directory: string): boolean {
  const open = opendir(cString(directory));
  if (open === null) throw new SystemCallError("opendir", shown(directory), koffi.errno());
  try {
    for (let entry = readdir(open); entry !== null; entry = readdir(open)) {
      const { type } = koffi.decode(entry, dirent) as { type: number };
      if (type === 0) return false;
    }
    return true;
  } finally {
    closedir(open);
  }
}
