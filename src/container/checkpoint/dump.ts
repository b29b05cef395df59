import { stat } from "node:fs/promises";
import { join } from "node:path";
import { throwIfEnded } from "../../base/deadline.ts";
import { Fault } from "../../base/fault.ts";
import { type Bytes, nowNanos } from "../../base/units.ts";
import type { OciConfig } from "../../spec/oci-runtime.ts";
import type { ContainerHost, ContainerParts } from "../parts.ts";
import type { ContainerRecord } from "../state.ts";
import { archiveNames } from "./archive-names.ts";
import { describeCheckpoint } from "./describe.ts";
import { writeRootfsChanges } from "./rootfs-changes.ts";
import type { ArchivePart } from "./write-archive.ts";

/** A container that was dumped, with what is not in its directory. */
export interface Dump {
  readonly record: ContainerRecord;
  /** How long the container's log was then. */
  readonly logSize: Bytes;
}

/**
 * Dumps running containers into their checkpoint directories: processes, changed files, documents. All stand still
 * meanwhile, so that memory and files of all are of one moment, and go on afterwards, whatever happened.
 *
 * @throws {Fault} internal with what CRIU said; as `signal` says, but not before a dump that has begun is over
 */
export async function dumpContainers(
  records: readonly ContainerRecord[],
  parts: ContainerParts,
  signal: AbortSignal,
): Promise<Dump[]> {
  const { cgroups, files, paths } = parts.host;
  for (const { id } of records) {
    const { directory, work } = paths.checkpoint(id);
    await files.change([
      { change: "removeTree", path: directory },
      { change: "makeDirectory", path: work, mode: 0o700 },
    ]);
  }
  const dumps: Dump[] = [];
  try {
    for (const { cgroup } of records) await cgroups.freeze(cgroup, signal);
    for (const record of records) dumps.push(await dumpFrozen(record, parts, signal));
  } finally {
    for (const { cgroup } of records) await cgroups.thaw(cgroup);
  }
  return dumps;
}

async function dumpFrozen(
  record: ContainerRecord,
  { host, book }: ContainerParts,
  signal: AbortSignal,
): Promise<Dump> {
  const { id, handler } = record;
  const { images, work } = host.paths.checkpoint(id);
  const config = readConfig(record, host);
  throwIfEnded(signal, "the checkpoint");
  await book.faults.at("CheckpointContainer/dump/before");
  await host.runtime.checkpoint({ id, handler, images, work });
  await book.faults.at("CheckpointContainer/dump/after");
  throwIfEnded(signal, "the checkpoint");
  await writeRootfsChanges(record, config, host, signal);
  const documents = [...describeCheckpoint(record, config, nowNanos())];
  await host.files.change(
    documents.map(([name, text]) => ({ change: "write", path: join(work, name), text, mode: 0o600 })),
  );
  return { record, logSize: await sizeOf(record.logPath) };
}

async function sizeOf(path: string): Promise<Bytes> {
  return path === ""
    ? 0
    : await stat(path).then(
        ({ size }) => size,
        () => 0,
      );
}

/** What of a dump goes into the archive. `prefix` is put before its names there. */
export function archiveParts({ record, logSize }: Dump, host: ContainerHost, prefix = ""): ArchivePart[] {
  const { images, work } = host.paths.checkpoint(record.id);
  const { config, spec, status, times, bindMounts, dumpLog, dumpFigures, rootfsDiff, deletedFiles } =
    archiveNames;
  const files = [config, spec, status, times, bindMounts, dumpLog, dumpFigures, rootfsDiff, deletedFiles];
  return [
    ...files.map((name) => ({ name: prefix + name, path: join(work, name) })),
    ...(record.logPath === ""
      ? []
      : [{ name: prefix + archiveNames.log, path: record.logPath, size: logSize }]),
    { name: `${prefix}${archiveNames.images}/`, path: images },
  ];
}

function readConfig({ id }: ContainerRecord, host: ContainerHost): OciConfig {
  const config = host.runtime.configOf(id);
  if (config !== undefined) return config;
  throw new Fault("internal", `the bundle of container ${id} has no config.json`);
}
