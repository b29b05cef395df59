import type { NriAdjustment } from "./contract.ts";

/** The plugins that have set, or taken away, something. */
export function adjusters(owners: NriAdjustment["owners"]): Set<string> {
  return new Set(Object.values(owners).flatMap((owner) => owner.replace(/^-/, "").split(",")));
}
