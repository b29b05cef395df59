import { statSync } from "node:fs";
import type { UnixNanos } from "../../base/units.ts";
import type { OciConfig } from "../../spec/oci-runtime.ts";
import type { ContainerRecord } from "../state.ts";
import { archiveNames, crioAnnotations } from "./archive-names.ts";

/** Go's zero time: never. */
const never = "0001-01-01T00:00:00Z";

/** The documents of an archive that describe its container, by name: as text. */
export function describeCheckpoint(
  record: ContainerRecord,
  config: OciConfig,
  at: UnixNanos,
): ReadonlyMap<string, string> {
  const { id, state } = record;
  const { metadata, image, labels, annotations } = record.config;
  const restored = record.restored !== undefined;
  const startedAt = state.kind === "running" ? state.startedAt : 0n;
  const name = record.restored?.image || image.userSpecifiedImage || image.image;
  const dump = {
    id,
    name: metadata.name,
    rootfsImage: name,
    rootfsImageRef: record.imageRef,
    rootfsImageName: name || record.imageRef,
    runtime: record.handler,
    createdTime: rfc3339(record.createdAt),
    checkpointedTime: rfc3339(at),
    restoredTime: restored ? rfc3339(startedAt) : never,
    restored,
  };
  const status = {
    id,
    metadata: { name: metadata.name, attempt: metadata.attempt },
    state: 1,
    created_at: Number(record.createdAt),
    started_at: Number(startedAt),
    image: { image: name || record.imageRef, user_specified_image: name },
    image_ref: record.imageRef,
    labels,
    annotations,
    log_path: record.logPath,
  };
  const times = {
    CreatedAt: Number(record.createdAt),
    StartedAt: Number(startedAt),
    Pid: state.kind === "running" ? state.process.init.pid : 0,
  };
  const spec = {
    ...config,
    annotations: { ...config.annotations, [crioAnnotations]: JSON.stringify(annotations) },
  };
  const documents = [
    [archiveNames.config, dump],
    [archiveNames.spec, spec],
    [archiveNames.status, status],
    [archiveNames.times, times],
    [archiveNames.bindMounts, bindMounts(config)],
  ] as const;
  return new Map(documents.map(([file, document]) => [file, `${JSON.stringify(document, undefined, 2)}\n`]));
}

/** As CRI-O writes it, which makes missing ones anew. */
function bindMounts({ mounts }: OciConfig): object[] {
  return mounts.flatMap(({ type, source = "", destination }) => {
    const stat = type === "bind" ? statSync(source, { throwIfNoEntry: false }) : undefined;
    if (stat === undefined) return [];
    const fileType = stat.isDirectory() ? "directory" : "file";
    return [{ source, destination, file_type: fileType, permissions: stat.mode & 0o777 }];
  });
}

function rfc3339(nanos: UnixNanos): string {
  const whole = new Date(Number(nanos / 1_000_000n)).toISOString().slice(0, 19);
  return `${whole}.${String(nanos % 1_000_000_000n).padStart(9, "0")}Z`;
}
