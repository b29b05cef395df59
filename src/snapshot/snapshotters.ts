import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { describeFault, Fault } from "../base/fault.ts";
import type { Config } from "../config/schema.ts";
import { isOwnSnapshotter } from "../config/snapshotter-names.ts";
import { troubleAt } from "../linux/remedy.ts";
import type { Snapshotter, SnapshotterProbe, Snapshotters } from "./contract.ts";
import { openSnapshotter } from "./open.ts";
import { RemoteSnapshotter } from "./remote/remote-snapshotter.ts";
import type { Tools } from "./volumes/run-tool.ts";
import type { SnapshotWorkers } from "./workers.ts";

/** What snapshotters are opened with. */
export interface SnapshottersPlace {
  /** Holds a directory for each of them. */
  readonly root: string;
  readonly workers: SnapshotWorkers;
  readonly tools: Tools;
  readonly log: Logger;
}

type SnapshotterConfig = Pick<Config, "image" | "runtime" | "snapshotters" | "remoteSnapshotters">;

interface Opened {
  readonly snapshotter: Snapshotter;
  problem: string | undefined;
}

/**
 * Opens every snapshotter that the settings name, and tries each out; and those that they named once, as far as it takes no
 * settings to open them, so that what lies in them can be cleared away.
 *
 * Where overlay is the usual one and can't work, the one that copies takes its place.
 */
export async function openSnapshotters(
  config: SnapshotterConfig,
  place: SnapshottersPlace,
): Promise<NodeSnapshotters> {
  const opened = new Map<string, Opened>();
  const open = async (name: string) => {
    const snapshotter = openNamed(name, config, place);
    const problem = await problemOf(snapshotter, place);
    tell(snapshotter.name, problem, place.log);
    opened.set(name, { snapshotter, problem });
    return problem;
  };
  let usual = config.image.snapshotter;
  const problem = await open(usual);
  if (usual === "overlay" && problem !== undefined && (await open("native")) === undefined) {
    usual = "native";
    place.log.warn("overlay can't work here: layers are copied instead, which takes more time and space");
  }
  const ofHandlers = Object.entries(config.runtime.handlers).map(
    ([handler, { snapshotter }]) => [handler, snapshotter || usual] as const,
  );
  for (const [, name] of ofHandlers) if (!opened.has(name)) await open(name);
  const former = await openFormer(new Set(opened.keys()), config, place);
  return new NodeSnapshotters({ usual, byHandler: new Map(ofHandlers), opened, former, place });
}

function openNamed(
  name: string,
  { snapshotters, remoteSnapshotters }: SnapshotterConfig,
  { root, workers, tools }: SnapshottersPlace,
): Snapshotter {
  const directory = join(root, name);
  const remote = remoteSnapshotters[name];
  if (remote === undefined)
    return openSnapshotter(name, directory, { workers, tools, settings: snapshotters });
  return new RemoteSnapshotter({ name, ...remote }, directory, workers);
}

/** Those that hold something, and that the settings name no more. */
async function openFormer(
  named: ReadonlySet<string>,
  { snapshotters: settings }: SnapshotterConfig,
  { root, workers, tools, log }: SnapshottersPlace,
): Promise<Snapshotter[]> {
  const former: Snapshotter[] = [];
  for (const name of await readdir(root).catch(() => [])) {
    if (named.has(name)) continue;
    const snapshotter = isOwnSnapshotter(name)
      ? openSnapshotter(name, join(root, name), { workers, tools, settings })
      : undefined;
    const problem =
      snapshotter === undefined ? "it is a remote one" : await problemOf(snapshotter, { root, log });
    const what = "the settings no longer name this snapshotter";
    if (problem === undefined) log.info({ snapshotter: name }, `${what}: what nobody needs of it is removed`);
    else log.warn({ snapshotter: name, problem }, `${what}; berth doctor --leaks tells what lies in it`);
    if (snapshotter !== undefined && problem === undefined) former.push(snapshotter);
  }
  return former;
}

/**
 * Why it can't work. On a disk that takes nothing it can't be tried out, and is taken to work as it did: else nothing could be
 * removed to free the disk, and another would take its place for as long as the daemon runs.
 */
async function problemOf(
  snapshotter: Snapshotter,
  { root, log }: Pick<SnapshottersPlace, "root" | "log">,
): Promise<string | undefined> {
  const problem = await snapshotter.probe().catch(describeFault);
  const trouble = problem === undefined || isRemote(snapshotter) ? undefined : troubleAt(root);
  if (trouble === undefined) return problem;
  log.warn({ snapshotter: snapshotter.name, problem, trouble }, "the snapshotter could not be tried out");
  return undefined;
}

/** Of a process of its own, whose files are its own business. */
function isRemote(snapshotter: Snapshotter): boolean {
  return snapshotter instanceof RemoteSnapshotter;
}

function tell(snapshotter: string, problem: string | undefined, log: Logger): void {
  if (problem === undefined) log.info({ snapshotter }, "snapshotter works");
  else log.error({ snapshotter, problem }, "snapshotter can't work here");
}

interface Found {
  readonly usual: string;
  readonly byHandler: ReadonlyMap<string, string>;
  readonly opened: ReadonlyMap<string, Opened>;
  readonly former: readonly Snapshotter[];
  readonly place: Pick<SnapshottersPlace, "root" | "log">;
}

/** The snapshotters of this node. */
export class NodeSnapshotters implements Snapshotters {
  readonly usual: string;
  readonly #found: Found;

  constructor(found: Found) {
    this.usual = found.usual;
    this.#found = found;
  }

  nameFor(handler: string): string {
    return this.#found.byHandler.get(handler) ?? this.usual;
  }

  get(name: string): Snapshotter {
    const { opened, former } = this.#found;
    const found = opened.get(name);
    const snapshotter = found?.snapshotter ?? former.find((each) => each.name === name);
    if (snapshotter === undefined) {
      throw new Fault("notFound", `the settings name no snapshotter "${name}"`, {
        hint: `there are ${[...opened.keys()].join(", ")}: image.snapshotter, runtime.handlers.<name>.snapshotter`,
      });
    }
    if (found?.problem !== undefined)
      throw new Fault("unavailable", `the snapshotter ${name} can't work here: ${found.problem}`);
    return snapshotter;
  }

  all(): readonly Snapshotter[] {
    const { opened, former } = this.#found;
    const working = [...opened.values()].filter(({ problem }) => problem === undefined);
    return [...working.map(({ snapshotter }) => snapshotter), ...former];
  }

  probes(): readonly SnapshotterProbe[] {
    return [...this.#found.opened.values()].map(({ snapshotter: { name, directory }, problem }) => ({
      name,
      directory,
      ...(problem === undefined ? {} : { problem }),
    }));
  }

  /**
   * Tries those again that could not work, and those that may work no more.
   * @returns whether one can that could not
   */
  async retry(): Promise<boolean> {
    const { opened, place } = this.#found;
    let better = false;
    for (const each of opened.values()) {
      const before = each.problem;
      each.problem =
        before === undefined
          ? await each.snapshotter.stillWorks?.()
          : await problemOf(each.snapshotter, place);
      if (each.problem !== before) tell(each.snapshotter.name, each.problem, place.log);
      better ||= before !== undefined && each.problem === undefined;
    }
    return better;
  }
}
