import { join } from "node:path";
import { pathsOf } from "../../../config/paths.ts";
import type { Config } from "../../../config/schema.ts";
import { connectionError } from "../ask-daemon.ts";
import { groupsIn, hierarchies, ownParent, parentsOf, processesIn, removalOf } from "./cgroups.ts";
import type { Leak } from "./leak.ts";
import { namesIn } from "./names-in.ts";

/** Names of what the daemon makes for a moment: cgroups of commands (ExecSync), containers that try a runtime out. */
const ofCommands = /^berth-exec-[0-9a-f]+$/;
const ofProbes = /^(berth-)?probe-[0-9a-f]+(\.scope)?$/;
const takenAway = "a daemon that starts takes it away";

/**
 * What a daemon was killed in the middle of and has no record for, as it lasts for a moment: commands in containers,
 * probes of runtimes, their scratch. While a daemon serves, all of that is its own.
 */
export async function leakedPassing(config: Config): Promise<Leak[]> {
  const { socket, scratch, checks } = pathsOf(config);
  if ((await connectionError(socket)) === undefined) return [];
  return [
    ...leakedGroups(config),
    ...leakedProbes(config),
    ...below(checks, "where a layer was compared with what it should be"),
    ...below(scratch, "what an OCI runtime needed for a moment"),
  ];
}

function leakedGroups(config: Config): Leak[] {
  return hierarchies().flatMap((hierarchy) =>
    [...parentsOf(config)].flatMap((parent) =>
      groupsOf(join(hierarchy, parent), parent === ownParent(config)),
    ),
  );
}

function groupsOf(directory: string, isOwn: boolean): Leak[] {
  return groupsIn(directory).flatMap((name) => {
    const where = join(directory, name);
    const meaning = meaningOf(name, isOwn);
    if (meaning === undefined) return groupsOf(where, isOwn);
    const pids = processesIn(where);
    return [{ what: "cgroup", where, why: `${meaning}; ${takenAway}`, remedy: removalOf(where, pids) }];
  });
}

function meaningOf(name: string, isOwn: boolean): string | undefined {
  if (ofCommands.test(name)) return "a command in a container that nobody waits for any more";
  if (isOwn && ofProbes.test(name)) return "of a probe of a runtime that did not end";
  return undefined;
}

function leakedProbes({ state }: Config): Leak[] {
  return namesIn(join(state, "runtime")).flatMap((handler) =>
    namesIn(join(state, "runtime", handler))
      .filter((name) => ofProbes.test(name))
      .map((name) => leak(join(state, "runtime", handler, name), "a probe of a runtime that did not end")),
  );
}

function below(directory: string, meaning: string): Leak[] {
  return namesIn(directory).map((name) => leak(join(directory, name), meaning));
}

function leak(where: string, meaning: string): Leak {
  return {
    what: "directory",
    where,
    why: `${meaning}; ${takenAway}`,
    remedy: `rm -r --one-file-system ${where}`,
  };
}
