import { Fault } from "../base/fault.ts";
import { formatReference, parseReference } from "../spec/reference.ts";
import type { ImageRecord } from "./contract.ts";
import { notHere, requireImage } from "./find.ts";
import type { ImageParts } from "./parts.ts";
import { withPin } from "./pinned.ts";
import { addNames } from "./record.ts";

/** Gives an image one more name; an image that had it has it no longer. @throws {Fault} notFound, invalid */
export async function tagImage(
  image: string,
  name: string,
  parts: ImageParts,
  signal: AbortSignal,
): Promise<ImageRecord> {
  const tag = tagOf(name);
  const { id } = requireImage(image, parts);
  const tagged = await addNames(id, { tags: [tag], digests: [] }, parts, signal);
  if (tagged === undefined) throw notHere(image);
  return tagged;
}

/** Takes a name from the image that has it. The image stays. @throws {Fault} notFound, invalid */
export async function untagImage(name: string, parts: ImageParts, signal: AbortSignal): Promise<void> {
  const { store, work, pinned } = parts;
  const tag = tagOf(name);
  using _records = await work.recordLock.hold("records", signal);
  const holders = [...store.records.values()].filter(({ tags }) => tags.includes(tag));
  if (holders.length === 0) throw new Fault("notFound", `no image on this node is called ${tag}`);
  for (const holder of holders) {
    const tags = holder.tags.filter((one) => one !== tag);
    await store.records.put(holder.id, withPin({ ...holder, tags }, pinned));
  }
}

function tagOf(name: string): string {
  const reference = parseReference(name);
  if (reference.digest === undefined) return formatReference(reference);
  throw new Fault(
    "invalid",
    `"${name}" is a name by digest: that is what an image has, not what it is given`,
  );
}
