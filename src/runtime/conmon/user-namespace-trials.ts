import { mkdir, readFile, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { describeFault } from "../../base/fault.ts";
import { troubleAt } from "../../linux/remedy.ts";
import type { UserMappings } from "../../spec/cri/security.ts";
import type { ContainerRuntime } from "../contract.ts";
import type { RuntimeHost, SnapshotProbe, SnapshotsOf } from "../host.ts";
import type { Handler, Handlers } from "./handlers.ts";
import { takeBackNullDevice } from "./null-device.ts";
import { probeDeadline, type TrialPlace, tryOut } from "./trial.ts";

/** Any ids will do: what is made with them is gone after the trial. */
const ids = { containerId: 0, hostId: 1_000_000_000, length: 65_536 };
const mappings: UserMappings = { uids: ids, gids: ids };

/** Tries out every handler that works otherwise, in a user namespace that is there for the while; once. */
export class UserNamespaceTrials {
  readonly #handlers: Handlers;
  readonly #snapshots: SnapshotsOf;
  readonly #place: TrialPlace;
  #tried: ReturnType<ContainerRuntime["userNamespaceProblems"]> | undefined;

  constructor(handlers: Handlers, snapshots: SnapshotsOf, place: TrialPlace) {
    this.#handlers = handlers;
    this.#snapshots = snapshots;
    this.#place = place;
  }

  /** Why not, by handler; undefined: it works. */
  problems(): ReturnType<ContainerRuntime["userNamespaceProblems"]> {
    this.#tried ??= this.#try();
    return this.#tried;
  }

  async #try(): Promise<ReadonlyMap<string, string | undefined>> {
    const found = await tryAll(this.#handlers, this.#snapshots, this.#place);
    const failed = [...found.values()].some((problem) => problem !== undefined);
    if (failed && troubleAt(this.#place.scratch) !== undefined) this.forget();
    return found;
  }

  /** Has them tried out again when they are next asked for: the handlers may do what they did not. */
  forget(): void {
    this.#tried = undefined;
  }
}

async function tryAll(
  handlers: Handlers,
  snapshots: SnapshotsOf,
  place: TrialPlace,
): Promise<ReadonlyMap<string, string | undefined>> {
  const { host, scratch } = place;
  const pins = join(scratch, "users");
  const namespace = join(pins, "user");
  const common = await problemOfHost(pins, host);
  const signal = AbortSignal.timeout(probeDeadline);
  const ofSnapshots = new Map<string, string | undefined>();
  const opened = [...handlers.all()].map((handler) => ({ handler, probe: handlers.probe(handler.name) }));
  for (const { probe } of opened)
    if (common === undefined)
      ofSnapshots.set(probe.handler, await problemOfSnapshots(snapshots, probe.handler, namespace, place));
  const found = await Promise.all(
    opened.map(async ({ handler, probe }) => {
      const before = probe.problem ?? common ?? ofSnapshots.get(probe.handler);
      return [probe.handler, before ?? (await problemOf(handler, namespace, place, signal))] as const;
    }),
  );
  await host.namespaces.unpin(pins).catch((error: unknown) => {
    host.log.warn({ err: describeFault(error) }, "a trial's user namespace could not be taken away");
  });
  const problems = new Map(found);
  host.log.info({ problems: Object.fromEntries(problems) }, "user namespaces were tried out");
  return problems;
}

/** Why pods can have none on this host, whatever their runtime. Leaves the namespace pinned. */
async function problemOfHost(directory: string, { namespaces }: RuntimeHost): Promise<string | undefined> {
  try {
    await namespaces.pin({ directory, kinds: [], hostname: "", sysctls: {}, users: mappings });
    return undefined;
  } catch (error) {
    return describeFault(error);
  }
}

/** Why a handler's pods can have none, because of their snapshots. */
async function problemOfSnapshots(
  snapshots: SnapshotsOf,
  handler: string,
  namespace: string,
  { host, scratch }: TrialPlace,
): Promise<string | undefined> {
  try {
    const at = join(scratch, "snapshots");
    await mkdir(at, { mode: 0o700 });
    try {
      return await problemWithSnapshots(at, namespace, snapshots(handler), host);
    } finally {
      await rmdir(at);
    }
  } catch (error) {
    return describeFault(error);
  }
}

async function problemWithSnapshots(
  at: string,
  namespace: string,
  snapshots: SnapshotProbe,
  { mounts }: RuntimeHost,
): Promise<string | undefined> {
  try {
    await mounts.bind(snapshots.directory, at, { idmap: namespace, propagation: "private" });
  } catch (error) {
    return `the file system of ${snapshots.directory} has no ID-mapped mounts: ${describeFault(error)}`;
  }
  try {
    return await snapshots.probe({ at, users: mappings, namespace });
  } finally {
    await mounts.unmount(at);
  }
}

async function problemOf(
  handler: Handler,
  namespace: string,
  place: TrialPlace,
  signal: AbortSignal,
): Promise<string | undefined> {
  const trial = {
    users: { namespace, mappings },
    // sysfs is for who owns the network namespace, mqueue for who owns that of IPC
    mounts: () => [
      { destination: "/sys", type: "sysfs", source: "sysfs" },
      { destination: "/dev/mqueue", type: "mqueue", source: "mqueue" },
    ],
    look: (init: number | undefined) => problemInside(init, handler),
  };
  try {
    return await tryOut(handler, trial, place, signal);
  } catch (error) {
    return describeFault(error);
  } finally {
    takeBackNullDevice(place.host); // its stdin, as that of any container
  }
}

async function problemInside(init: number | undefined, { binary }: Handler): Promise<string | undefined> {
  if (init === undefined) return `${binary} names no process of a container`;
  const map = (await readFile(`/proc/${init}/uid_map`, "latin1")).trim().split(/\s+/).map(Number);
  const joined = map[0] === ids.containerId && map[1] === ids.hostId && map[2] === ids.length;
  return joined ? undefined : `${binary} does not join the user namespace that it is told`;
}
