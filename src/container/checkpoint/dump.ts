import { existsSync } from "node:fs";
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

/** What a dump has besides what lies in its directory. */
export interface Dump {
  /** How long the container's log was then. */
  readonly logSize: Bytes;
}

/**
 * Dumps a running container into its checkpoint directory: processes, changed files, documents. It stands still
 * meanwhile, so that memory and files are of one moment, and goes on afterwards, whatever happened.
 *
 * @throws {Fault} internal with what CRIU said; as `signal` says, but not before a dump that has begun is over
 */
export async function dumpContainer(
  record: ContainerRecord,
  { host, book }: ContainerParts,
  signal: AbortSignal,
): Promise<Dump> {
  const { id, handler, cgroup } = record;
  const { directory, images, work } = host.paths.checkpoint(id);
  const config = await readConfig(record, host);
  await host.files.change([
    { change: "removeTree", path: directory },
    { change: "makeDirectory", path: work, mode: 0o700 },
  ]);
  await host.cgroups.freeze(cgroup, signal);
  let logSize: Bytes;
  try {
    await book.faults.at("CheckpointContainer/dump/before");
    await host.runtime.checkpoint({ id, handler, images, work });
    await book.faults.at("CheckpointContainer/dump/after");
    throwIfEnded(signal, "the checkpoint");
    await writeRootfsChanges(record, config, host, signal);
    logSize = await sizeOf(record.logPath);
  } finally {
    await host.cgroups.thaw(cgroup);
  }
  const documents = [...describeCheckpoint(record, config, nowNanos())];
  await host.files.change(
    documents.map(([name, text]) => ({ change: "write", path: join(work, name), text, mode: 0o600 })),
  );
  return { logSize };
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
export function archiveParts(
  record: ContainerRecord,
  { logSize }: Dump,
  host: ContainerHost,
  prefix = "",
): ArchivePart[] {
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

/** Takes away what a dump has on disk, and lets the container go on, should it stand still. */
export async function dropDump({ id, cgroup }: ContainerRecord, host: ContainerHost): Promise<void> {
  const { directory } = host.paths.checkpoint(id);
  if (!existsSync(directory)) return;
  await host.cgroups.thaw(cgroup);
  await host.files.change([{ change: "removeTree", path: directory }]);
}

async function readConfig({ id }: ContainerRecord, host: ContainerHost): Promise<OciConfig> {
  const config = host.runtime.configOf(id);
  if (config !== undefined) return config;
  throw new Fault("internal", `the bundle of container ${id} has no config.json`);
}
