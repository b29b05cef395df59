import { Fault } from "../../base/fault.ts";
import type { ChainId, Digest } from "../../base/ids.ts";
import type { ImageRecord } from "../contract.ts";
import { type ImageParts, partsInEach } from "../parts.ts";
import { nameOf } from "../record.ts";
import { usersOfImage } from "../users.ts";
import type { Explained, Holder, StoredItem } from "./contract.ts";
import { leaseHolder, takeInventory } from "./inventory.ts";

const goesSoon = "nothing holds it: the next sweep removes it, in ten minutes at most, or `berth prune`";
const staysHeld = "it stays as long as one of these holds it";

/**
 * Says of whatever an id, a name or the beginning of an id stands for who holds it, and what becomes of it.
 *
 * @param image what `wanted` names among the images
 * @throws {Fault} notFound when nothing on this node has such a name; invalid for too short a beginning of ids
 */
export async function explain(
  wanted: string,
  image: ImageRecord | undefined,
  parts: ImageParts,
): Promise<Explained[]> {
  const beginning = /^(?:sha256:)?([0-9a-f]+)$/.exec(wanted)?.[1] ?? "";
  if (beginning.length > 0 && beginning.length < 4 && image === undefined)
    throw new Fault("invalid", `"${wanted}" is too short: give four digits of an id, or more`);
  const fits = (id: string) => beginning !== "" && id.replace(/^sha256:/, "").startsWith(beginning);
  const items = (await takeInventory(parts)).filter(({ digest }) => fits(digest));
  const blobs = new Set(items.filter(({ kind }) => kind === "blob").map(({ digest }) => digest));
  const found = [
    ...(image === undefined ? [] : [explainImage(image, parts)]),
    ...explainLeases(fits, parts),
    ...explainContainers((id, name) => name === wanted || fits(id), parts),
    ...items.map((item) => explainItem(item)),
    ...explainDropped((digest) => fits(digest) && !blobs.has(digest), parts),
    ...(await explainIngests(fits, parts)),
  ];
  if (found.length > 0) return found;
  throw new Fault("notFound", `nothing on this node has the name or id "${wanted}"`, {
    hint: "`berth images`, `berth ps -a` and `berth du -v` list what there is",
  });
}

function explainImage(image: ImageRecord, { store, work }: ImageParts): Explained {
  const { id, pinned, size, tags, digests } = image;
  const containers = usersOfImage(id, store.users).map(
    (user): Holder => ({ kind: "container", id: user.id, what: `container ${user.name}` }),
  );
  const inFlight = work.pins.why(id).map((what): Holder => ({ kind: "work", id: "", what }));
  const held = [...containers, ...inFlight];
  const prunes = tags.length > 0 ? "`berth prune --all`" : "`berth prune`";
  const fate = pinned
    ? "it is pinned by image.pinned: only who names it removes it, once no container uses it"
    : held.length > 0
      ? "it can't be removed as long as one of these uses it"
      : `it stays until somebody removes it by name, ${prunes} does, or a kubelet that is short of disk`;
  return {
    kind: "image",
    id,
    about: [...tags, ...digests].join(", ") || "it has no name",
    bytes: size,
    holders: held,
    fate,
  };
}

function explainLeases(fits: (id: string) => boolean, { store, work }: ImageParts): Explained[] {
  return [...store.leases.values()]
    .filter(({ id }) => fits(id) && store.records.get(id) === undefined)
    .map((lease): Explained => {
      const isUnderWay = work.pins.has(lease.id);
      return {
        kind: "unfinished pull",
        id: lease.id,
        about: lease.names.join(", "),
        holders: isUnderWay
          ? work.pins.why(lease.id).map((what) => ({ kind: "work", id: "", what }))
          : [leaseHolder(lease)],
        fate: isUnderWay
          ? "the pull is under way"
          : "the next pull of this image goes on from what has come; else it goes at its time, or by `berth prune`",
      };
    });
}

function explainContainers(fits: (id: string, name: string) => boolean, { store }: ImageParts): Explained[] {
  return store.users
    .containers()
    .filter(({ id, name }) => fits(id, name))
    .map(({ id, name, images: [from], chains, snapshotter }): Explained => {
      const image = from === undefined ? undefined : store.records.get(from);
      const on = image === undefined ? (chains[0] ?? "nothing") : nameOf(image);
      return {
        kind: "container",
        id,
        about: `${name}, made from ${on}`,
        snapshotter,
        holders: [],
        fate: "what it wrote stays until it is removed: by `berth rm`, or by the kubelet",
      };
    });
}

function explainItem({ kind, digest, snapshotter, bytes, holders }: StoredItem): Explained {
  const about = {
    layer: "an unpacked layer, with those below it",
    blob: "a blob: a manifest, a config, or a layer as it was fetched",
    partial: "what has come of a blob whose fetching was cut off, or goes on",
    list: "the list of a layer's files, for `berth images verify`",
  }[kind];
  const fate = holders.length > 0 ? staysHeld : goesSoon;
  return {
    kind,
    id: digest,
    about,
    ...(snapshotter === undefined ? {} : { snapshotter }),
    bytes,
    holders,
    fate,
  };
}

/** Layers as they were fetched, which only manifests name any more. */
function explainDropped(wanted: (blob: Digest) => boolean, { store }: ImageParts): Explained[] {
  const found = new Map<Digest, { chain: ChainId; holders: Holder[] }>();
  for (const record of store.records.values())
    for (const { blob, chainId } of record.layers.filter((layer) => wanted(layer.blob.digest))) {
      const { holders } = found.get(blob.digest) ?? { holders: [] };
      const holder: Holder = { kind: "image", id: record.id, what: `image ${nameOf(record)}` };
      found.set(blob.digest, { chain: chainId, holders: [...holders, holder] });
    }
  return [...found].map(([id, { chain, holders }]) => ({
    kind: "blob",
    id,
    about: `the layer ${chain} as it was fetched`,
    bytes: 0,
    holders,
    fate: "it was dropped once it was unpacked (image.keepLayerBlobs keeps such); who needs it fetches it again",
  }));
}

async function explainIngests(fits: (id: string) => boolean, parts: ImageParts): Promise<Explained[]> {
  const found: Explained[] = [];
  for (const { store, snapshotter, work } of partsInEach(parts))
    for (const id of (await snapshotter.list()).ingests.filter(fits)) {
      const record = store.ingests.get(id);
      const holders = (record === undefined ? [] : work.pins.why(record.chainId)).map(
        (what): Holder => ({ kind: "work", id: "", what }),
      );
      const isOfContainer = store.users.hasIngest(id);
      found.push({
        kind: "ingest",
        id,
        about:
          record === undefined
            ? "files that are being unpacked"
            : `the layer ${record.diffId}, being unpacked`,
        snapshotter: snapshotter.name,
        holders: isOfContainer
          ? [{ kind: "work", id: "", what: "a container that is being restored" }]
          : holders,
        fate:
          holders.length > 0 || isOfContainer ? "it becomes a layer, or goes, when its work ends" : goesSoon,
      });
    }
  return found;
}
