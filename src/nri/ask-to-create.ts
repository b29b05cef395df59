import type { Config } from "../config/schema.ts";
import { CollectedAdjustment } from "./collect/adjustment.ts";
import { Owners } from "./collect/owners.ts";
import { type AskedUpdate, CollectedUpdates } from "./collect/updates.ts";
import type { NriAdjustment, NriSubject } from "./contract.ts";
import type { Plugin } from "./plugin.ts";
import { type AskedEviction, evictedBy } from "./requests.ts";
import { validate } from "./validate.ts";

/** What all plugins together make of a new container, and ask for besides. */
interface AskedCreate extends NriAdjustment {
  readonly updates: readonly AskedUpdate[];
  readonly evictions: readonly AskedEviction[];
}

/**
 * Asks one plugin after the other what it wants changed of a new container, then whether all of that may be.
 *
 * @param seen the same, to be shown to each plugin as those before it have made it
 * @throws {Fault} with what a plugin said; wrongState when two set the same, forbidden when a validator refuses
 */
export async function askToCreate(
  { pod, container }: NriSubject,
  seen: NriSubject,
  plugins: readonly Plugin[],
  validator: Config["nri"]["validator"],
): Promise<AskedCreate> {
  const owners = new Owners();
  const updates = new CollectedUpdates(owners);
  const collected = new CollectedAdjustment(seen.container, owners);
  const evictions: AskedEviction[] = [];
  for (const plugin of plugins) {
    const answer = await plugin.call("createContainer", { pod, container: collected.container });
    if (answer === undefined) continue;
    if (answer.adjust !== undefined) collected.apply(answer.adjust, plugin.name);
    updates.apply(answer.update, plugin.name, container.id);
    evictions.push(...evictedBy(plugin.name, answer.evict));
  }
  const request = {
    pod,
    container,
    adjust: collected.adjustment,
    update: updates.others().map(({ update }) => update),
    owners: owners.message(),
    plugins: plugins.map(({ baseName, index }) => ({ name: baseName, index })),
  };
  await validate(request, { plugins, settings: validator });
  return {
    adjustment: collected.adjustment,
    owners: owners.list(container.id),
    updates: updates.others(),
    evictions,
  };
}
