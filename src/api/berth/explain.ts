import type { ExplainRequest, ExplainResponse } from "../../wire/gen/berth.v1.ts";
import { requireText } from "../convert/field.ts";
import type { ApiParts } from "../parts.ts";

/** RPC Explain of berth's own API. */
export async function explain({ id }: ExplainRequest, upkeep: ApiParts["upkeep"]): Promise<ExplainResponse> {
  const found = await upkeep.explain(requireText(id, "id"));
  return {
    found: found.map(({ kind, id, about, snapshotter = "", bytes, holders, fate }) => ({
      kind,
      id,
      about,
      snapshotter,
      bytes: bytes === undefined ? undefined : BigInt(bytes),
      holders: [...holders],
      fate,
    })),
  };
}
