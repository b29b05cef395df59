import type { ChainId } from "../../base/ids.ts";
import type { LayerOffer } from "../contract.ts";

/** Labels of a snapshot (containerd, docs/snapshotters and pkg/snapshotters). */
export type Labels = Readonly<Record<string, string>>;

/** What snapshotters keep from labels and annotations begins with it. */
const inherited = "containerd.io/snapshot/";
/** Under which name a prepared snapshot is to be committed: whoever can get at its files by himself does so then. */
const target = "containerd.io/snapshot.ref";
/** Whose a snapshot is, in a snapshotter that others may use, too. */
const owner = "containerd.io/snapshot/berth.root";
/** containerd itself would collect snapshots that nothing of its own refers to. */
const kept = { "containerd.io/gc.root": "berth" };
/** containerd's limit for a label's key and value together. */
const maxLabel = 4096;

/** What a snapshotter is told of a snapshot that is berth's. `root`: the directory that tells one daemon from another. */
export function labelsOf(root: string): Labels {
  return { ...kept, [owner]: root };
}

/** True if `labels` are those of a snapshot of the daemon with this root. */
export function isOwn(labels: Labels, root: string): boolean {
  return labels[owner] === root;
}

/** Of all snapshots that of this daemon, in containerd's filter language. */
export function ownFilter(root: string): string {
  return `labels.${JSON.stringify(owner)}==${JSON.stringify(root)}`;
}

/** For a snapshot that is to become the layer `chain`. */
export function labelsOfLayer(root: string, chain: ChainId): Labels {
  return { ...labelsOf(root), [target]: chain };
}

/**
 * What lets a snapshotter get at a layer by itself, under the names that containerd's CRI gives it (`cri.…`), and what its
 * image's manifest says to the snapshotter: stargz's table of contents, nydus' kinds of layers.
 */
export function labelsOfOffer(root: string, offer: LayerOffer): Labels {
  const { chain, blob, reference, manifest, from } = offer;
  return {
    ...annotated(blob.annotations ?? {}),
    [`${inherited}cri.image-ref`]: reference,
    [`${inherited}cri.manifest-digest`]: manifest,
    [`${inherited}cri.layer-digest`]: blob.digest,
    [`${inherited}cri.image-layers`]: fitting(`${inherited}cri.image-layers`, from),
    ...labelsOfLayer(root, chain),
  };
}

/** Ids are for who runs the image to map, not for who made it. */
const refused = new Set(["uidmapping", "gidmapping"].map((name) => `${inherited}${name}`));

function annotated(annotations: Labels): Labels {
  const entries = Object.entries(annotations).filter(
    ([key, value]) => key.startsWith(inherited) && !refused.has(key) && fits(key, value),
  );
  return Object.fromEntries(entries);
}

/** As many as a label holds: those that are left out are only got at later. */
function fitting(key: string, digests: readonly string[]): string {
  let value = "";
  for (const digest of digests) {
    const longer = value === "" ? digest : `${value},${digest}`;
    if (!fits(key, longer)) break;
    value = longer;
  }
  return value;
}

function fits(key: string, value: string): boolean {
  return Buffer.byteLength(key) + Buffer.byteLength(value) <= maxLabel;
}
