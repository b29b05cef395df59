import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathsOf } from "../../../config/paths.ts";
import type { Config } from "../../../config/schema.ts";
import type { Leak } from "./leak.ts";
import { namesIn } from "./names-in.ts";
import { type Records, unaccounted } from "./records.ts";

/** Directories and files named by an id, in the state directory, that belong to nothing. */
export function leakedDirectories(config: Config, records: Records): Leak[] {
  const paths = pathsOf(config);
  const runtimeRoots = namesIn(paths.runtimes).flatMap((handler) => {
    const root = paths.runtimeRoot(handler);
    return [root, join(root, "k8s.io")]; // runc's, under a shim
  });
  const looks: readonly [string, Leak["what"], string][] = [
    [paths.pods, "directory", "files of a pod"],
    [paths.containers, "directory", "a bundle"],
    [paths.checkpoints, "directory", "files of a checkpoint"],
    [paths.shims, "directory", "files of a pod's shim"],
    [paths.exits, "file", "an exit code"],
    [paths.keptNetns, "file", "where a network namespace was kept"],
    ...runtimeRoots.map((root): [string, Leak["what"], string] => [
      root,
      "directory",
      "an OCI runtime's state",
    ]),
  ];
  const found = looks.flatMap(([directory, what, meaning]) =>
    namesIn(directory).flatMap((name) => {
      const id = /[0-9a-f]{64}/.exec(name)?.[0];
      // An attachment that is given up keeps its network namespace: it is told, and goes together with it.
      const isKept = directory === paths.keptNetns && existsSync(join(paths.cni, "abandoned", `${id}.json`));
      if (id === undefined || isKept) return [];
      const why = unaccounted(records, id, "recorded");
      const where = join(directory, name);
      return why === undefined
        ? []
        : [{ what, where, why: `${meaning}: ${why}`, remedy: `rm -r --one-file-system ${where}` }];
    }),
  );
  return [...found, ...processorNotes(paths.processors, records)];
}

/** Not to be removed by hand: only the note says what there was before. */
function processorNotes(directory: string, records: Records): Leak[] {
  return namesIn(directory).flatMap((id): Leak[] => {
    const why = /^[0-9a-f]{64}$/.test(id) ? unaccounted(records, id, "live") : undefined;
    if (why === undefined) return [];
    const remedy = `berth rm ${id}; of one without a record, a start of the daemon brings back what it says`;
    return [
      { what: "file", where: join(directory, id), why: `processors that are set for it: ${why}`, remedy },
    ];
  });
}
