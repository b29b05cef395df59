import { constants } from "node:fs";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, normalize } from "node:path";
import { throwIfEnded } from "../../base/deadline.ts";
import { Fault, isFault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import { linkFdAt } from "../../linux/files-at.ts";
import { errnoOf, systemFault } from "../../linux/libc.ts";
import { openDirectory } from "../../linux/open-beneath.ts";
import { tarEnd, tarHeader, tarPadding } from "../../wire/tar/write.ts";

/** open(2): a file without a name, which is gone with whoever has it open. Node has no name for it. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
const readAtOnce: Bytes = 1 << 18;
/** Memory of processes is in it. */
const mode = 0o600;

/** What goes into an archive: a text, a file, or a directory whose files go into one there. */
export type ArchivePart = { readonly name: string; readonly text: string } | ArchiveFile;

interface ArchiveFile {
  /** In the archive; a directory's ends with a slash. */
  readonly name: string;
  readonly path: string;
  /** Of a file that grows: how much of it. */
  readonly size?: Bytes;
}

/** @throws {Fault} invalid when no archive can be made at `location`; alreadyExists */
export async function requireLocation(location: string): Promise<void> {
  const invalid = (why: string) => new Fault("invalid", `location "${location}": ${why}`);
  if (!isAbsolute(location) || location.includes("\0") || location !== normalize(location))
    throw invalid("must be an absolute path without . and ..");
  if (location.endsWith("/")) throw invalid("must name a file");
  const directory = await stat(dirname(location)).catch(() => undefined);
  if (directory?.isDirectory() !== true) throw invalid(`there is no directory ${dirname(location)}`);
  const there = await stat(location).catch(() => undefined);
  if (there !== undefined) throw exists(location);
}

function exists(location: string): Fault {
  return new Fault("alreadyExists", `${location} is there already`, { hint: "nothing is written over" });
}

/**
 * Writes a tar of `parts` to `location`, which gets its name once all is on the disk: there is never half an archive,
 * whoever is killed. Its memory is one buffer.
 *
 * @throws {Fault} alreadyExists, exhausted; as `signal` says
 */
export async function writeArchive(
  location: string,
  parts: readonly ArchivePart[],
  signal: AbortSignal,
): Promise<void> {
  try {
    await using file = await open(dirname(location), O_TMPFILE | constants.O_WRONLY, mode);
    const buffer = new Uint8Array(readAtOnce);
    for (const part of parts) {
      if ("text" in part) await addText(file, part.name, part.text);
      else if (part.name.endsWith("/")) await addDirectory(file, part, buffer, signal);
      else await addFile(file, part, buffer, signal);
    }
    await file.appendFile(tarEnd);
    await file.sync();
    using directory = openDirectory(dirname(location));
    linkFdAt(file.fd, directory.fd, basename(location));
  } catch (error) {
    if (isFault(error)) throw error;
    if (errnoOf(error) === "EEXIST") throw exists(location);
    if (errnoOf(error) === "EOPNOTSUPP")
      throw new Fault("invalid", `${location} can't be written: its file system has no unnamed files`, {
        cause: error,
        hint: "write to a disk of the node, and copy it from there",
      });
    throw systemFault(`writing ${location}`, error, { path: location });
  }
}

async function addText(archive: FileHandle, name: string, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  const header = tarHeader({ name: latin1(name), size: bytes.length, mode: 0o600 });
  await archive.appendFile(Buffer.concat([header, bytes, tarPadding(bytes.length)]));
}

async function addDirectory(
  file: FileHandle,
  { name, path }: ArchiveFile,
  buffer: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  await file.appendFile(tarHeader({ name: latin1(name), size: 0, type: "directory", mode: 0o700 }));
  for (const inside of (await readdir(path)).toSorted())
    await addFile(file, { name: name + inside, path: join(path, inside) }, buffer, signal);
}

/** A file that is not there is left out. */
async function addFile(
  archive: FileHandle,
  { name, path, size: wanted }: ArchiveFile,
  buffer: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(unlessMissing);
  if (file === undefined) return;
  const { size, mtimeNs } = await file.stat({ bigint: true });
  const whole = Math.min(Number(size), wanted ?? Number.POSITIVE_INFINITY);
  await archive.appendFile(tarHeader({ name: latin1(name), size: whole, mode: 0o600, modified: mtimeNs }));
  for (let done = 0; done < whole; ) {
    throwIfEnded(signal, `writing ${name} to the archive`);
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, whole - done), done);
    if (bytesRead === 0) throw new Fault("internal", `${path} became shorter while it was read`);
    await archive.appendFile(buffer.subarray(0, bytesRead));
    done += bytesRead;
  }
  await archive.appendFile(tarPadding(whole));
}

function latin1(text: string): string {
  return Buffer.from(text).toString("latin1");
}

function unlessMissing(error: unknown): undefined {
  if (errnoOf(error) === "ENOENT") return undefined;
  throw error;
}
