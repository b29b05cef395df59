import { join } from "node:path";
import { isKataShim } from "../../config/shim-program.ts";
import type { ProcessIdentity } from "../contract.ts";
import { alive } from "../exits.ts";
import type { RuntimeHost } from "../host.ts";
import { removeCgroup } from "../left-by-container.ts";
import type { ShimHandler } from "./handler.ts";

/** A sandbox that has ended. */
interface EndedSandbox {
  readonly group: string;
  readonly handler: Pick<ShimHandler, "type" | "program">;
  /** The process that is its machine. */
  readonly init?: ProcessIdentity | undefined;
}

/** Where Kata's shims have something of each sandbox, under its id; the books are of that in Go. */
interface KataPlaces {
  /** What it knows of it, and its machine's sockets. */
  readonly books: readonly string[];
  /** The places at which what it shares with the machine is mounted, where the host does not see it. */
  readonly shared: string;
  /** The cgroup with one for what runs beside a machine's processors, unless `sandbox_cgroup_only` is set. */
  readonly overhead: string;
}

/** Where Kata's shims share directories from. */
export const kataShared = "/run/kata-containers/shared/sandboxes";

const kataPlaces: KataPlaces = {
  books: ["/run/vc/sbs", "/run/vc/vm"],
  shared: kataShared,
  overhead: "/kata_overhead",
};

/**
 * Takes away what Kata's shim and its program leave of a sandbox: of one whose machine they can't reach they keep all containers but one
 * on their books, for good, and of any the cgroup (docs/decisions/0422).
 *
 * @throws {Fault} as `signal` says
 */
export async function removeKataBooks(
  { group, handler: { type, program }, init }: EndedSandbox,
  { files, cgroups, mounts }: Pick<RuntimeHost, "files" | "cgroups" | "mounts">,
  signal: AbortSignal,
  { books, shared, overhead }: KataPlaces = kataPlaces,
): Promise<void> {
  if (!isKataShim(type) && !isKataShim(program)) return;
  await removeCgroup(join(overhead, group), cgroups, signal);
  if (init !== undefined && alive(init)) return; // it is somewhere else, and what it needs stays
  const left = books.map((parent) => join(parent, group));
  const places = join(shared, group);
  if ((await mounts.below(places)).length === 0) left.push(places); // else it may be a volume's
  await files.change(left.map((path) => ({ change: "removeTree", path })));
}
