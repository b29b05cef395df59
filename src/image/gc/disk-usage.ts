import { isFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { SnapshotUsage } from "../../snapshot/contract.ts";
import { trustedImages } from "../find.ts";
import { type ImageParts, partsInEach } from "../parts.ts";
import { usersOfImage } from "../users.ts";
import type { ContainerUsage, DiskUsage, ImageUsage, PlaceUsage, StoredItem } from "./contract.ts";
import { takeInventory } from "./inventory.ts";

/** Counts what images, layers and containers take, and all that lies below the root beside them. */
export async function countDiskUsage(parts: ImageParts): Promise<DiskUsage> {
  const { store, checking } = parts;
  const items = await takeInventory(parts);
  const containers = await countContainers(parts);
  const total = await checking.usage(checking.root);
  const counted: PlaceUsage[] = store.snapshotters.all().flatMap(({ name, directory }) => [
    {
      what: `layers, in ${name}`,
      path: directory,
      bytes: sum(items.filter(({ snapshotter }) => snapshotter === name)),
    },
    {
      what: `what containers wrote, in ${name}`,
      path: directory,
      bytes: sum(containers.filter(({ snapshotter }) => snapshotter === name)),
    },
  ]);
  counted.push(
    {
      what: "blobs of images",
      path: store.content.directory,
      bytes: sum(items.filter(({ kind }) => kind === "blob")),
    },
    {
      what: "what has come of blobs",
      path: store.content.directory,
      bytes: sum(items.filter(({ kind }) => kind === "partial")),
    },
    {
      what: "lists of layers' files",
      path: store.fileLists.directory,
      bytes: sum(items.filter(({ kind }) => kind === "list")),
    },
  );
  const rest = Math.max(0, total.bytes - sum(counted));
  return {
    images: [...trustedImages(store.records, store.bootId)].map((image) => usageOfImage(image, items, parts)),
    layers: items.filter(({ kind }) => kind === "layer"),
    containers,
    places: [...counted, { what: "records, and what is passing by", path: checking.root, bytes: rest }],
    total: sum(counted) + rest,
  };
}

function sum(of: readonly { readonly bytes: number }[]): number {
  return of.reduce((total, { bytes }) => total + bytes, 0);
}

function usageOfImage(
  image: ImageUsage["image"],
  items: readonly StoredItem[],
  { store }: ImageParts,
): ImageUsage {
  const own = items.filter(({ holders }) =>
    holders.some(({ kind, id }) => kind === "image" && id === image.id),
  );
  const shared = own.filter(({ holders }) => holders.filter(({ kind }) => kind === "image").length > 1);
  const containers = usersOfImage(image.id, store.users).length;
  return { image, size: sum(own), shared: sum(shared), containers };
}

async function countContainers(parts: ImageParts): Promise<ContainerUsage[]> {
  const found: ContainerUsage[] = [];
  const known = new Map(parts.store.users.containers().map((user) => [user.id, user]));
  for (const { snapshotter } of partsInEach(parts))
    for (const key of (await snapshotter.list()).containers) {
      const id = key as string as ContainerId;
      const user = known.get(id);
      const usage = await snapshotter.usage(key).catch(unlessGone);
      if (usage === undefined) continue;
      const { bytes, inodes } = usage;
      const name = user?.name ?? "";
      found.push({ id, name, image: user?.images[0], snapshotter: snapshotter.name, bytes, inodes });
    }
  return found;
}

function unlessGone(error: unknown): SnapshotUsage | undefined {
  if (isFault(error, "notFound")) return undefined;
  throw error;
}
