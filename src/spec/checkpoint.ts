import * as v from "valibot";
import { Fault } from "../base/fault.ts";
import { schemaIssue } from "./schema-issue.ts";

/** What an archive says of the container in it, by `config.dump` (checkpointctl, lib/metadata.go: ContainerConfig). */
export interface ContainerDump {
  readonly name: string;
  /** The image that it was made from: as somebody named it, by digest or id, and a name that it can be pulled by. */
  readonly rootfsImage: string;
  readonly rootfsImageRef: string;
  readonly rootfsImageName: string;
  /** RFC 3339. */
  readonly checkpointedTime: string;
}

/** What matters of `spec.dump`, the OCI runtime configuration that it ran with, for another container to go on from it. */
export interface SpecDump {
  readonly args: readonly string[];
  readonly terminal: boolean;
  readonly mounts: readonly { readonly destination: string; readonly type: string }[];
}

/** By which of its annotations an image says that it holds a checkpoint: podman's and containerd's, CRI-O's. */
const imageAnnotations = [
  "org.criu.checkpoint.container.name",
  "io.kubernetes.cri-o.annotations.checkpoint.name",
];

/** True for the annotations of an image, or of an index of such, whose one layer is a checkpoint archive, unpacked. */
export function marksCheckpoint(annotations: Readonly<Record<string, string>> | undefined): boolean {
  return imageAnnotations.some((name) => annotations?.[name] !== undefined);
}

const text = v.pipe(v.string(), v.maxLength(4096, "is too long"));
const textOrEmpty = v.nullish(text, "");

const containerDump = v.object({
  name: textOrEmpty,
  rootfsImage: textOrEmpty,
  rootfsImageRef: textOrEmpty,
  rootfsImageName: textOrEmpty,
  checkpointedTime: textOrEmpty,
});

const specDump = v.pipe(
  v.object({
    process: v.object({
      args: v.nullish(v.array(v.string()), []),
      terminal: v.nullish(v.boolean(), false),
    }),
    mounts: v.nullish(v.array(v.object({ destination: text, type: textOrEmpty })), []),
  }),
  v.transform(({ process, mounts }) => ({ ...process, mounts })),
);

/** @throws {Fault} corrupt */
export function parseContainerDump(document: string): ContainerDump {
  return parse(containerDump, document, "config.dump");
}

/** @throws {Fault} corrupt */
export function parseSpecDump(document: string): SpecDump {
  return parse(specDump, document, "spec.dump");
}

const podOptions = v.object({ containers: v.record(text, v.unknown()) });

/** The containers in a pod's archive, by name. @throws {Fault} corrupt */
export function parsePodOptions(document: string): v.InferOutput<typeof podOptions> {
  return parse(podOptions, document, "pod.options");
}

/** Paths that the container has deleted of its image; absolute. @throws {Fault} corrupt */
export function parseDeletedFiles(document: string): readonly string[] {
  return parse(v.array(text), document, "deleted.files");
}

function parse<Output>(schema: v.GenericSchema<unknown, Output>, document: string, name: string): Output {
  let value: unknown;
  try {
    value = JSON.parse(document);
  } catch (cause) {
    throw new Fault("corrupt", `${name} is not JSON`, { cause });
  }
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  throw new Fault("corrupt", `${name}: ${schemaIssue(parsed.issues)}`);
}
