import { join } from "node:path";
import { during, Fault } from "../base/fault.ts";
import { handlerSettings } from "../config/handler-settings.ts";
import { mayOrder, orderOf } from "../config/pod-orders.ts";
import type { ImageRecord } from "../image/contract.ts";
import type { ContainerConfig } from "../spec/cri/container-config.ts";
import type { ContainerHost, ContainerParts, SeccompArtifact } from "./parts.ts";
import type { ContainerPod } from "./pod.ts";
import { readBoundedFile } from "./spec/bounded-file.ts";
import type { NamedProfile } from "./spec/contract.ts";
import { maxSeccompProfile } from "./spec/seccomp-lookup.ts";
import type { ContainerRecord } from "./state.ts";

/** In the place of a container's name: all of the pod's. */
const wholePod = "POD";
const attributes = { readonly: true, nosuid: true, nodev: true } as const;

/**
 * The artifact that a container's profile is to come from, as its pod or its image says by CRI-O's annotation; pulled where it is not
 * here yet, with the node's credentials. Undefined for one that asks for another profile, or may not have any.
 *
 * @throws {Fault} as a pull; forbidden by policy; invalid for what is no artifact with a profile in it
 */
export async function bringSeccompArtifact(
  config: ContainerConfig,
  { pod, image, snapshotter }: { pod: ContainerPod; image: ImageRecord; snapshotter: string },
  { host, book }: Pick<ContainerParts, "host" | "book">,
  signal: AbortSignal,
): Promise<SeccompArtifact | undefined> {
  const { images } = host;
  const allowed = handlerSettings(host.config.runtime.handlers, pod.handler).allowedAnnotations;
  const { name } = config.metadata;
  const of = (annotations: Readonly<Record<string, string>>, container?: string) =>
    orderOf("seccompProfile", annotations, allowed, container);
  let order = of(pod.config.annotations, name) ?? of(pod.config.annotations, wholePod);
  const { privileged, seccomp } = config.security;
  if (privileged || (seccomp !== undefined && seccomp.kind !== "unconfined")) {
    const what = privileged ? "is privileged" : "asks for another seccomp profile";
    if (order !== undefined)
      book.log.warn(
        { pod: pod.id, name, annotation: order.key, why: `the container ${what}` },
        "an annotation of a pod is passed over",
      );
    return undefined;
  }
  if (order === undefined && mayOrder("seccompProfile", allowed)) {
    const annotations = await images.annotations(image);
    order = of(annotations) ?? of(annotations, name) ?? of(annotations, wholePod);
  }
  if (order === undefined) return undefined;
  const { key, value: reference } = order;
  const { namespace } = pod.config.metadata;
  try {
    const artifact =
      images.find(reference) ?? (await images.pull(reference, { snapshotter, namespace }, signal));
    await images.requireAllowed(artifact, reference, namespace, signal);
    const found = { reference, ...profileIn(artifact) };
    await images.unpackIn(artifact.id, snapshotter, signal);
    return found;
  } catch (error) {
    throw during(`the seccomp profile of container ${name}, as the annotation ${key} asks`, error);
  }
}

/** The first of its files, as CRI-O takes it. What was an archive could hold links that lead out of it. */
function profileIn({ artifact, layers }: ImageRecord): Pick<SeccompArtifact, "chain" | "path"> {
  const [content] = layers.map((layer) => layer.artifact);
  const chain = layers.at(-1)?.chainId;
  const isOfFiles = layers.every((layer) => layer.artifact?.kind === "file");
  if (artifact === undefined || content?.kind !== "file" || chain === undefined || !isOfFiles)
    throw new Fault("invalid", "it is no artifact of files, of which the first could be the profile");
  return { chain, path: content.path };
}

/** What is in it. It is mounted for that below `volumes` of the bundle: where this fails, the undo of the volumes clears it. @throws {Fault} */
export async function readSeccompArtifact(
  { id, snapshotter }: Pick<ContainerRecord, "id" | "snapshotter">,
  { reference, chain, path }: SeccompArtifact,
  { files, mounts, paths, snapshotters }: Pick<ContainerHost, "files" | "mounts" | "paths" | "snapshotters">,
): Promise<NamedProfile> {
  const at = join(paths.container(id).volumes, "seccomp");
  await files.change([{ change: "makeDirectory", path: at, mode: 0o711 }]);
  for (const view of await snapshotters.get(snapshotter).view(chain)) {
    if (view.type === "bind") await mounts.bind(view.source, at, attributes);
    else await mounts.mount(view.source, at, view.type, [...view.options, "ro", "nosuid", "nodev"]);
  }
  const text = await readBoundedFile(join(at, path), maxSeccompProfile, `the seccomp profile ${reference}`);
  await mounts.unmount(at);
  await files.change([{ change: "removeDirectory", path: at }]);
  return { name: reference, text };
}
