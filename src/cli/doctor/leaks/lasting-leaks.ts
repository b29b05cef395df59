import { setTimeout as sleep } from "node:timers/promises";
import type { Ms } from "../../../base/units.ts";
import type { Config } from "../../../config/schema.ts";
import { findLeaks } from "./find-leaks.ts";
import type { Leak } from "./leak.ts";

/** Between two looks at the host: what is only passing by has gone by then. */
const secondLookAfter: Ms = 500;

/** What two looks both found: the daemon may be at work between reading its records and looking at the host. */
export async function lastingLeaks(config: Config): Promise<Leak[]> {
  const first = await findLeaks(config);
  if (first.length === 0) return [];
  await sleep(secondLookAfter);
  const before = new Set(first.map(identity));
  return (await findLeaks(config)).filter((leak) => before.has(identity(leak)));
}

function identity({ what, where }: Leak): string {
  return `${what} ${where}`;
}
