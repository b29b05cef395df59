import { randomBytes } from "node:crypto";
import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { throwIfEnded } from "../../base/deadline.ts";
import { describeFault, isFault } from "../../base/fault.ts";
import type { ChainId } from "../../base/ids.ts";
import type { Comparison } from "../../snapshot/compare-contract.ts";
import type { ImageLayer } from "../contract.ts";
import type { UnpackParts } from "../parts.ts";
import type { VerifiedPart } from "./contract.ts";

/** Damaged files that are told of one layer. */
const mostTold = 100;

/** Compares a layer's files with the list that was made when they were unpacked. */
export async function checkLayer(
  { diffId, chainId, blob }: ImageLayer,
  parts: UnpackParts,
  signal: AbortSignal,
): Promise<VerifiedPart> {
  const { store, snapshotter } = parts;
  const part = {
    what: "layer",
    digest: blob.digest,
    snapshotter: snapshotter.name,
    files: 0,
    bytes: 0,
    damaged: [],
    more: 0,
  } as const;
  if (!(await snapshotter.has(chainId)))
    return { ...part, state: "damaged", reason: "its directory is gone, or is not whole" };
  if (!(await store.fileLists.has(diffId)))
    return {
      ...part,
      state: "unchecked",
      reason: "there is no list of its files: it was unpacked by an earlier berth, or not by berth",
    };
  try {
    return { ...part, ...verdictOf(await compare(chainId, store.fileLists.pathOf(diffId), parts)) };
  } catch (error) {
    throwIfEnded(signal, "verifying images");
    if (isFault(error, "unavailable")) throw error;
    return { ...part, state: "damaged", reason: describeFault(error) };
  }
}

function verdictOf({ files, bytes, differences, more }: Comparison) {
  const damaged = differences.map(({ path, what }) => ({
    path: `/${Buffer.from(path, "latin1").toString("utf8")}`,
    what,
  }));
  return { files, bytes, damaged, more, state: damaged.length === 0 ? "sound" : "damaged" } as const;
}

/** Mounts the layer, on those below it, for as long as it is compared. */
async function compare(
  chain: ChainId,
  list: string,
  { snapshotter, checking }: UnpackParts,
): Promise<Comparison> {
  const { mounts, directory } = checking;
  const root = join(directory, randomBytes(8).toString("hex"));
  await mkdir(root, { recursive: true, mode: 0o700 });
  try {
    for (const { type, source, options } of await snapshotter.view(chain)) {
      if (type === "bind") await mounts.bind(source, root, { recursive: true, readonly: true });
      else await mounts.mount(source, root, type, [...options, "ro", "nosuid", "nodev"]);
    }
    return await checking.compare({ root, list, most: mostTold });
  } finally {
    await mounts.unmount(root);
    await rmdir(root);
  }
}
