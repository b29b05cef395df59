import type { PruneRequest, PruneResponse } from "../../wire/gen/berth.v1.ts";
import { requireText, wrongField } from "../convert/field.ts";
import type { ApiParts } from "../parts.ts";

/** RPC Prune of berth's own API. */
export async function prune(
  { dryRun, all, until, labels }: PruneRequest,
  upkeep: ApiParts["upkeep"],
  signal: AbortSignal,
): Promise<PruneResponse> {
  if (until < 0n) throw wrongField("until", "before 1970");
  const wanted = labels.map((text, index) => {
    const [key = "", ...value] = requireText(text, `labels[${index}]`).split("=");
    return { key, value: value.length === 0 ? undefined : value.join("=") };
  });
  const before = until === 0n ? undefined : until;
  const pruned = await upkeep.prune({ dryRun, all, until: before, labels: wanted }, signal);
  return {
    images: pruned.images.map(({ image, bytes, problem = "" }) => ({
      id: image.id,
      names: [...image.tags, ...image.digests],
      bytes: BigInt(bytes),
      problem,
    })),
    unfinished: pruned.unfinished.map((names) => ({ names: [...names] })),
    bytes: BigInt(pruned.bytes),
  };
}
