import { during } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import { openPlainArchive } from "../../image/archive.ts";
import { parsePodOptions } from "../../spec/checkpoint.ts";
import type { ArchivePart } from "./write-archive.ts";

/** Which containers are in a pod's archive. (checkpointctl, lib/metadata.go: PodOptionsFile) */
const optionsFile = "pod.options";
const maxOptions: Bytes = 1 << 20;

/** Where in a pod's archive a container's own is; its name is one that the kubelet takes: no slash. */
export function containerPrefix(name: string): string {
  return `containers/${name}/`;
}

export function writePodOptions(names: readonly string[]): ArchivePart {
  const containers = Object.fromEntries(names.map((name) => [name, containerPrefix(name)]));
  return { name: optionsFile, text: `${JSON.stringify({ version: 1, containers }, undefined, 2)}\n` };
}

/** The names of the containers in a pod's archive. @throws {Fault} notFound, corrupt */
export async function containersIn(path: string, signal: AbortSignal): Promise<string[]> {
  try {
    await using archive = await openPlainArchive(path, signal);
    const options = (await archive.read(optionsFile, maxOptions)).toString("utf8");
    return Object.keys(parsePodOptions(options).containers);
  } catch (error) {
    throw during(`the checkpoint ${path}`, error);
  }
}
