import { join } from "node:path";
import { during, Fault, faultKind, isFault } from "../base/fault.ts";
import type { ContainerPaths } from "../config/paths.ts";
import type { Images } from "../image/contract.ts";
import type { Mounts } from "../linux/contract.ts";
import type { ContainerConfig, Mount } from "../spec/cri/container-config.ts";
import { mountShown, type ShownSnapshots, withMappedSnapshots } from "./mapped.ts";
import type { ContainerAttempt } from "./parts.ts";
import { labeled } from "./snapshot.ts";
import type { ContainerRecord, ImageVolume } from "./state.ts";

/** Nothing that an image brings gets a privilege by being mounted; programs in it may be run (KEP 4639). */
const attributes = { readonly: true, nosuid: true, nodev: true } as const;

/**
 * The images that the config's mounts name, as they are on this node now.
 *
 * @throws {Fault} notFound for one that is not
 */
export function findImageVolumes(
  { metadata, mounts }: Pick<ContainerConfig, "metadata" | "mounts">,
  images: Pick<Images, "find">,
): ImageVolume[] {
  return mounts.flatMap(({ image: wanted }, index): ImageVolume[] => {
    if (wanted === undefined) return [];
    const image = images.find(wanted.image);
    if (image === undefined) {
      throw new Fault(
        "notFound",
        `container ${metadata.name}: image "${wanted.image}" of config.mounts[${index}] is not on this node`,
        { hint: "pull it first", reason: "imageVolume" },
      );
    }
    const { id, digests, layers } = image;
    const chain = layers.at(-1)?.chainId;
    return [{ index, imageId: id, imageRef: digests[0] ?? id, ...(chain === undefined ? {} : { chain }) }];
  });
}

/** Where the volumes are found on the host once `mountImageVolumes` has run, by the index of their mount. */
export function imageVolumeSources(
  { config, imageVolumes = [] }: Pick<ContainerRecord, "config" | "imageVolumes">,
  paths: ContainerPaths,
): ReadonlyMap<number, string> {
  return new Map(imageVolumes.map(({ index }) => [index, sourceOf(index, config.mounts[index], paths)]));
}

/** The whole image is mounted at its index; what of it was asked for is bound beside that. */
function sourceOf(index: number, mount: Mount | undefined, { volumes }: ContainerPaths): string {
  return join(volumes, mount?.imageSubPath ? `${index}.sub` : `${index}`);
}

/**
 * Mounts every image that the container has as a volume in its bundle, from where the OCI runtime binds it. As the root
 * file system's, its files belong to the ids of the pod's user namespace, where that has one.
 */
export async function mountImageVolumes(record: ContainerRecord, attempt: ContainerAttempt): Promise<void> {
  const { imageVolumes } = record;
  if (imageVolumes === undefined) return;
  await withMappedSnapshots(record, attempt, (shown) => mountEach(record, imageVolumes, shown, attempt));
}

async function mountEach(
  record: ContainerRecord,
  imageVolumes: readonly ImageVolume[],
  shown: ShownSnapshots | undefined,
  { host, pod }: ContainerAttempt,
): Promise<void> {
  const label = pod && host.spec.mountLabel(record.config, pod);
  const paths = host.paths.container(record.id);
  const snapshotter = host.snapshotters.get(record.snapshotter);
  for (const { index, chain } of imageVolumes) {
    const mount = record.config.mounts[index];
    if (mount?.image === undefined) throw new Fault("internal", `config.mounts[${index}] has no image`);
    const at = join(paths.volumes, `${index}`);
    const named = mount.image.userSpecifiedImage || mount.image.image;
    try {
      await host.files.change([{ change: "makeDirectory", path: at, mode: 0o711 }]);
      for (const view of chain === undefined ? [] : await snapshotter.view(chain, shown?.at)) {
        const idmap = view.unmapped === true ? shown?.users : undefined;
        if (view.type === "bind")
          await host.mounts.bind(view.source, at, {
            recursive: idmap === undefined,
            ...attributes,
            ...(idmap === undefined ? {} : { idmap }),
          });
        else
          await mountShown(view, at, [...labeled(view, label), "ro", "nosuid", "nodev"], shown, host.mounts);
      }
      if (mount.imageSubPath !== "")
        await bindSubPath(at, mount.imageSubPath, sourceOf(index, mount, paths), named, host.mounts);
    } catch (error) {
      throw new Fault(faultKind(error), `mounting image "${named}" for ${mount.containerPath}`, {
        cause: error,
        reason: "imageVolume",
      });
    }
  }
}

async function bindSubPath(root: string, path: string, target: string, image: string, mounts: Mounts) {
  try {
    await mounts.bindWithin(root, path, target, attributes);
  } catch (error) {
    if (!isFault(error, "notFound")) throw during(`sub path "${path}" of image volume "${image}"`, error);
    throw new Fault("notFound", `sub path "${path}" does not exist in image volume "${image}"`);
  }
}
