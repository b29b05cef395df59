import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { Paths } from "../../config/paths.ts";
import { alive } from "../exits.ts";
import { shows } from "./answered.ts";
import { isOnHost } from "./handler.ts";
import { readMarker } from "./marker.ts";
import type { Shim } from "./shim.ts";

/** How long a shim may take to say how it is, before it counts as one that says nothing any more. */
export const answerDeadline: Ms = 2_000;
/** How long a shim may take to kill something in its sandbox, which may be a slow machine's. */
export const killWait: Ms = 15_000;

/**
 * Whether a shim answers nobody: it is asked who it is. One of this host's containers that was found silent is not asked again; one with
 * a sandbox may only have been busy with that, but shows all the same that it runs.
 */
export async function isSilent(shim: Shim): Promise<boolean> {
  const { calls, client, group, startedWith } = shim;
  const isHere = isOnHost(startedWith);
  if (client.isSilent && (isHere || !(await shows(shim)))) return true;
  const timeout = isHere ? answerDeadline : killWait;
  await calls.connect({ id: group }, { timeout }).catch(() => undefined);
  return client.isSilent;
}

/**
 * Whether a container of this host has ended, as everybody can see, and its shim tells nothing of it, as it answers nobody: it is
 * stopped, or hangs. One that answers tells the end by itself.
 */
export async function endsUnheard(id: ContainerId, shim: Shim, paths: Paths): Promise<boolean> {
  const init = readMarker(id, paths)?.init;
  return init !== undefined && !alive(init) && (await isSilent(shim));
}
