import { existsSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { pathsOf } from "../../../config/paths.ts";
import type { Config } from "../../../config/schema.ts";
import { mountsBelow, parseMountinfo } from "../../../linux/mountinfo.ts";
import type { Leak } from "./leak.ts";
import { type Records, unaccounted } from "./records.ts";

/** Mounts below berth's directories, pinned namespaces among them, that belong to nothing. */
export function leakedMounts(config: Config, records: Records): Leak[] {
  const { pods, containers, checks, keptNetns, cni, runtimes } = pathsOf(config);
  const mounts = parseMountinfo(readFileSync("/proc/self/mountinfo"));
  const below = [config.state, join(config.root, "snapshots")].flatMap((directory) =>
    mountsBelow(mounts, directory),
  );
  return below.flatMap(({ target, type }) => {
    const kept = firstName(keptNetns, target);
    // Its attachment is what doctor tells of, and goes together with it.
    if (kept !== undefined && existsSync(join(cni, "abandoned", `${kept}.json`))) return [];
    if (firstName(checks, target) !== undefined) return []; // passing by: see `passing.ts`
    // runsc keeps an empty network namespace for all of its sandboxes beside its own books.
    if (firstName(runtimes, target) !== undefined && basename(target) === "null-netns") return [];
    const id = firstName(pods, target) ?? firstName(containers, target);
    // The state directory may itself be a mount: a tmpfs of its own, or bound onto itself for its propagation.
    if (id === undefined && (target === config.state || target === pods || target === containers)) return [];
    const why = id === undefined ? "berth keeps no mount there" : unaccounted(records, id, "recorded");
    const what = type === "nsfs" ? "a pinned namespace" : `a mount of type ${type}`;
    return why === undefined
      ? []
      : [{ what: "mount", where: target, why: `${what}: ${why}`, remedy: `umount ${target}` }];
  });
}

/** The first name on the way from `directory` to `path`; undefined when that lies elsewhere. */
function firstName(directory: string, path: string): string | undefined {
  const way = relative(directory, path);
  return way === "" || way.startsWith("..") ? undefined : way.split("/")[0];
}
