import { isAbsolute } from "node:path";
import { during, Fault } from "../../base/fault.ts";
import type { ChainId } from "../../base/ids.ts";
import type { Bytes } from "../../base/units.ts";
import type { Config } from "../../config/schema.ts";
import { openPlainArchive } from "../../image/archive.ts";
import type { ImageRecord, Images } from "../../image/contract.ts";
import type { Snapshotters } from "../../snapshot/contract.ts";
import {
  type ContainerDump,
  parseContainerDump,
  parseSpecDump,
  type SpecDump,
} from "../../spec/checkpoint.ts";
import type { ContainerConfig } from "../../spec/cri/container-config.ts";
import type { CheckpointOrigin } from "../state.ts";
import { archiveNames } from "./archive-names.ts";

/** Documents of an archive are far smaller. */
const maxDocument: Bytes = 8 << 20;

/** A checkpoint that a container is to be made from. */
export interface FoundCheckpoint {
  readonly origin: CheckpointOrigin;
  readonly spec: SpecDump;
  /** What the container was made from at first. */
  readonly image: ImageRecord;
}

/** Where a checkpoint is: an archive, and what is put before the names in it. */
export interface CheckpointSource extends Pick<CheckpointOrigin, "from" | "prefix"> {
  /** What must be kept until the container is made: the archive is one of these. */
  readonly layers?: readonly ChainId[];
}

/** The archive that a config names in the place of an image: by an absolute path, which no image has. */
export function sourceOf({ image }: Pick<ContainerConfig, "image">): CheckpointSource | undefined {
  return isAbsolute(image.image) ? { from: image.image, prefix: "" } : undefined;
}

/**
 * The checkpoint that lies in an image, if it is such a one.
 *
 * @throws {Fault} wrongState while images are not to be restored; corrupt
 */
export async function sourceInImage(
  { holdsCheckpoint, id, tags: [name = id], layers: [layer, ...more], unpacked }: ImageRecord,
  { snapshotters, config }: { snapshotters: Pick<Snapshotters, "all">; config: Pick<Config, "checkpoint"> },
): Promise<CheckpointSource | undefined> {
  if (!holdsCheckpoint) return undefined;
  if (!config.checkpoint.images)
    throw new Fault("wrongState", `image "${name}" holds a checkpoint, and none is restored from an image`, {
      hint: "checkpoint.images allows it; it runs with the rights that the image says, not with those of its pod",
    });
  if (layer === undefined || more.length > 0)
    throw new Fault("corrupt", `image "${name}" holds a checkpoint, but not in one layer`);
  const snapshotter = snapshotters.all().find((each) => unpacked[each.name] !== undefined);
  if (snapshotter === undefined)
    throw new Fault("unavailable", `no snapshotter that works here has the image "${name}"`);
  return { from: await snapshotter.layerDirectory(layer.chainId), prefix: "", layers: [layer.chainId] };
}

/**
 * What a checkpoint tells of its container.
 *
 * @throws {Fault} notFound: no archive, or the image that it builds on is not here and can't be pulled; corrupt
 */
export async function findCheckpoint(
  { from, prefix }: CheckpointSource,
  images: Images,
  signal: AbortSignal,
): Promise<FoundCheckpoint> {
  try {
    await using archive = await openPlainArchive(from, signal);
    const document = async (name: string) =>
      (await archive.read(prefix + name, maxDocument)).toString("utf8");
    const dump = parseContainerDump(await document(archiveNames.config));
    const spec = parseSpecDump(await document(archiveNames.spec));
    if ((await archive.size(`${prefix}${archiveNames.images}/inventory.img`)) === undefined)
      throw new Fault("corrupt", "the archive has no images of CRIU's");
    const image = await baseImage(dump, images, signal);
    const name = dump.rootfsImage || dump.rootfsImageName;
    const origin = { from, prefix, checkpointedAt: dump.checkpointedTime, image: name };
    return { origin, spec, image };
  } catch (error) {
    throw during(`the checkpoint ${from}`, error);
  }
}

/** By digest or id if the archive has one, else by name; pulled when it is not here. */
async function baseImage(dump: ContainerDump, images: Images, signal: AbortSignal): Promise<ImageRecord> {
  const { rootfsImageRef: ref, rootfsImageName, rootfsImage } = dump;
  const named = [ref, rootfsImageName, rootfsImage].filter((name) => name !== "");
  for (const name of named) {
    const image = images.find(name);
    if (image !== undefined) return image;
  }
  // An id can't be asked for.
  const pulled = named.find((name) => !/^(sha256:)?[0-9a-f]{64}$/.test(name));
  if (pulled === undefined)
    throw new Fault(
      "notFound",
      `the image of its container, ${ref || "which it does not name"}, is not on this node`,
    );
  try {
    return await images.pull(pulled, undefined, signal);
  } catch (error) {
    throw during(
      `the image of its container, ${pulled}, is not on this node`,
      error,
      "pull it, then ask again",
    );
  }
}
