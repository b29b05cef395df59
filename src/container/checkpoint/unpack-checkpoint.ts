import { createWriteStream, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { during } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import { type Archive, openPlainArchive } from "../../image/archive.ts";
import { isSystemError, systemFault } from "../../linux/libc.ts";
import { parseDeletedFiles } from "../../spec/checkpoint.ts";
import { tarEnd, tarHeader } from "../../wire/tar/write.ts";
import type { ContainerAttempt, ContainerHost } from "../parts.ts";
import type { CheckpointOrigin, ContainerRecord } from "../state.ts";
import { archiveNames } from "./archive-names.ts";

/** A path for each file of an image, at most. */
const maxDeleted: Bytes = 64 << 20;
const tarType = "application/vnd.oci.image.layer.v1.tar";

/** Brings CRIU's images, and what the container had written to its log, from its archive. Does nothing for any other. */
export async function unpackCheckpoint(
  record: ContainerRecord,
  { host }: ContainerAttempt,
  signal: AbortSignal,
): Promise<void> {
  if (record.restored === undefined) return;
  const { from, prefix } = record.restored;
  const { directory, images } = host.paths.checkpoint(record.id);
  await host.files.change([
    { change: "removeTree", path: directory },
    { change: "makeDirectory", path: images, mode: 0o700 },
  ]);
  await using archive = await openPlainArchive(from, signal);
  const inside = `${prefix}${archiveNames.images}`;
  for (const name of await archive.list(inside))
    await copyOut(archive, `${inside}/${name}`, join(images, name), signal);
  await bringLog(record, archive, host, signal);
}

/** The bytes of one file of the archive, in a new file. @throws {Fault} exhausted, corrupt */
async function copyOut(archive: Archive, name: string, to: string, signal: AbortSignal): Promise<void> {
  try {
    const file = createWriteStream(to, { flags: "wx", mode: 0o600 });
    await pipeline(archive.stream(name, signal), file, { signal });
  } catch (error) {
    throw isSystemError(error)
      ? systemFault(`copying ${name} to ${to}`, error, { path: to })
      : during(`copying ${name}`, error);
  }
}

/** The log goes on where it was; one that is there already stays as it is. */
async function bringLog(
  { logPath, restored }: ContainerRecord,
  archive: Archive,
  host: ContainerHost,
  signal: AbortSignal,
): Promise<void> {
  if (logPath === "" || existsSync(logPath)) return;
  for (const name of [archiveNames.log, archiveNames.crioLog]) {
    const inArchive = (restored?.prefix ?? "") + name;
    if ((await archive.size(inArchive)) === undefined) continue;
    await host.files.change([{ change: "makeDirectory", path: dirname(logPath), mode: 0o755 }]);
    await copyOut(archive, inArchive, logPath, signal);
    return;
  }
}

/** Unpacks what the container had changed by the checkpoint. @returns the ingest that it is in */
export async function unpackChanges(
  { id, snapshotter: name }: ContainerRecord,
  { from, prefix }: CheckpointOrigin,
  { host }: ContainerAttempt,
  signal: AbortSignal,
): Promise<string> {
  await using archive = await openPlainArchive(from, signal);
  const ingest = ingestOf(id);
  const snapshotter = host.snapshotters.get(name);
  await snapshotter.abortLayer(ingest);
  const { maxLayer, maxFiles } = host.config.image;
  await host.unpacker.unpackLayer(
    {
      source: changesLayer(archive, prefix, signal),
      mediaType: tarType,
      directory: await snapshotter.prepareLayer(ingest),
      limits: { maxUnpacked: maxLayer, maxFiles },
    },
    signal,
  );
  return ingest;
}

/** The ingest of a container's changes; known by its id, so that it can be found again. */
export function ingestOf(id: ContainerRecord["id"]): string {
  return id;
}

/** What an archive tells of a container's changes as a layer of an image: first whiteouts, then its tar. */
async function* changesLayer(
  archive: Archive,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const deleted = prefix + archiveNames.deletedFiles;
  if ((await archive.size(deleted)) !== undefined) {
    const paths = parseDeletedFiles((await archive.read(deleted, maxDeleted)).toString("utf8"));
    for (const path of paths) yield owned(tarHeader({ name: whiteoutOf(path), size: 0 }));
  }
  const diff = prefix + archiveNames.rootfsDiff;
  if ((await archive.size(diff)) === undefined) yield owned(tarEnd);
  else yield* archive.stream(diff, signal);
}

/** OCI image spec, layer: Whiteouts. The unpacker refuses what leads out. */
function whiteoutOf(path: string): string {
  const bytes = Buffer.from(path).toString("latin1").replace(/^\/+/, "");
  const slash = bytes.lastIndexOf("/") + 1;
  return `${bytes.slice(0, slash)}.wh.${bytes.slice(slash)}`;
}

/** The unpacker frees the memory of what it gets. */
function owned(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}
