import { closeSync, existsSync, openSync, readdirSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describeFault, Fault, isFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import { KeyedLocks } from "../../base/lock.ts";
import type { Ms } from "../../base/units.ts";
import type { Paths } from "../../config/paths.ts";
import { reapIfDead } from "../../linux/reap.ts";
import { alive } from "../exits.ts";
import type { RuntimeHost } from "../host.ts";
import { endingOf, readMarker } from "./marker.ts";
import { connectShim, readShimRecord, type Shim, type ShimRecord } from "./shim.ts";
import { followShimLog, makeShimLog } from "./shim-log.ts";
import { endShimProcesses } from "./shim-processes.ts";
import { isSilent } from "./silent.ts";
import { socketsLeft } from "./sockets-left.ts";
import { StartInputs } from "./start-input.ts";
import { type ShimStart, startShim } from "./start-shim.ts";

/** How long a shim may take to answer when it is connected to. */
const connectDeadline: Ms = 10_000;
/** A lost connection is made anew after so long, then twice that, … and at last every so often. */
const firstRetryMs: Ms = 100;
const lastRetryMs: Ms = 30_000;
/** How long a shim that was told to end may take for it. */
const endPatience: Ms = 2000;
/** How long it may take in all to have one ended that was only asked something. */
const endDeadline: Ms = 30_000;
/** How long it may take to answer that it will: one of a virtual machine takes that down first. */
const shutdownPatience: Ms = 15_000;

/** Who is told that a shim is connected to, and later that it is no more. */
export interface ShimObserver {
  connected(shim: Shim, containers: readonly ContainerId[]): void;
}

/** The shims of this node. Each is started with its group, or with that's first container, and ended with its last. */
export class Shims {
  readonly #host: RuntimeHost;
  readonly #paths: Paths;
  readonly #observer: ShimObserver;
  readonly #inputs: StartInputs;
  readonly #locks = new KeyedLocks<string>();
  readonly #connected = new Map<string, Shim>();
  /** Those that have a container on their books which they can't delete: they end by no word. */
  readonly #bound = new Set<string>();
  /** When a connection that is lost is made anew; starts again once one has stood for long. */
  readonly #retryMs = new Map<string, Ms>();

  constructor(host: RuntimeHost, paths: Paths, observer: ShimObserver) {
    this.#host = host;
    this.#paths = paths;
    this.#observer = observer;
    this.#inputs = new StartInputs(host.processes);
  }

  /** The group's shim for one more container; started, where it does not run. @throws {Fault} as startShim */
  async join(start: ShimStart, id: ContainerId, signal: AbortSignal): Promise<Shim> {
    const { group } = start;
    using _group = await this.#locks.hold(group, signal);
    const standing = await this.#find(group, signal);
    if (standing !== undefined) {
      this.#add(group, id);
      return standing;
    }
    if (id !== group && readMarker(group as ContainerId, this.#paths)?.isSandbox === true)
      throw new Fault("wrongState", `the sandbox of pod ${group} has ended with its shim`);
    await this.#clear(group, signal); // what a shim that was killed has left, or one whose start was
    await this.#makeDirectory(group);
    this.#add(group, id);
    return await this.#start(start, signal);
  }

  /**
   * Starts the group's shim before it has a container, unless it runs. A daemon that is killed meanwhile leaves it to `reconnect`.
   *
   * @throws {Fault} as startShim
   */
  async prepare(start: ShimStart, signal: AbortSignal): Promise<void> {
    const { group } = start;
    using _group = await this.#locks.hold(group, signal);
    if ((await this.#find(group, signal)) !== undefined) return;
    await this.#makeDirectory(group);
    await this.#start(start, signal);
  }

  /** Ends a shim that no container has come to. Succeeds if there is none. */
  async endUnused(group: string, signal: AbortSignal): Promise<void> {
    using _group = await this.#locks.hold(group, signal);
    if (existsSync(this.#paths.shim(group).directory) && this.containersOf(group).length === 0)
      await this.#end(group, signal);
  }

  /** Asks a shim something that is started for that alone, and has no container: a daemon that is killed meanwhile leaves it to `reconnect`. */
  async tryOut<Answer>(
    start: ShimStart,
    ask: (shim: Shim) => Promise<Answer>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { group } = start;
    using _group = await this.#locks.hold(group, signal);
    await this.#makeDirectory(group);
    try {
      return await ask(await this.#start(start, signal));
    } finally {
      await this.#end(group, AbortSignal.timeout(endDeadline)); // however long the answer took
    }
  }

  /** The shim that a container is under; undefined when it is gone. @throws {Fault} unavailable when it does not answer */
  async of(id: ContainerId, signal: AbortSignal): Promise<Shim | undefined> {
    const group = readMarker(id, this.#paths)?.group;
    if (group === undefined) return undefined;
    const connected = this.#connected.get(group);
    if (connected?.client.isClosed === false) return connected;
    using _group = await this.#locks.hold(group, signal);
    return await this.#find(group, signal);
  }

  /** The group's shim, if it runs. */
  standing(group: string): ShimRecord | undefined {
    const record = readShimRecord(group, this.#paths);
    return record !== undefined && alive(record.process) ? record : undefined;
  }

  /** The container is gone: ends the shim with its last, and with the pod's own, without which none of the others runs. */
  async leave(id: ContainerId, group: string, signal: AbortSignal): Promise<void> {
    using _group = await this.#locks.hold(group, signal);
    rmSync(join(this.#paths.shim(group).containers, id), { force: true });
    if (endingOf(id, this.#paths) === "untold") this.#bound.add(group);
    if (id === group || this.containersOf(group).length === 0) await this.#end(group, signal);
  }

  containersOf(group: string): ContainerId[] {
    try {
      return readdirSync(this.#paths.shim(group).containers) as ContainerId[];
    } catch {
      return [];
    }
  }

  async groups(): Promise<string[]> {
    return await readdir(this.#paths.shims).catch(() => []);
  }

  /** Connects to every shim that lives, and ends those that have no container: their daemon was killed in their start. */
  async reconnect(signal: AbortSignal): Promise<void> {
    await Promise.all(
      (await this.groups()).map(async (group) => {
        using _group = await this.#locks.hold(group, signal);
        try {
          if (this.containersOf(group).length === 0) await this.#end(group, signal);
          else await this.#find(group, signal);
        } catch (error) {
          const err = describeFault(error);
          this.#host.log.warn({ shim: group, err }, "a shim that an earlier daemon started does not answer");
        }
      }),
    );
  }

  async #makeDirectory(group: string): Promise<void> {
    const { containers } = this.#paths.shim(group);
    await this.#host.files.change([{ change: "makeDirectory", path: containers, mode: 0o700 }]);
  }

  async #start(start: ShimStart, signal: AbortSignal): Promise<Shim> {
    using log = this.#follow(start.group);
    const parts = { host: this.#host, paths: this.#paths, inputs: this.#inputs };
    return this.#keep(await startShim(start, parts, signal), log);
  }

  #add(group: string, id: ContainerId): void {
    closeSync(openSync(join(this.#paths.shim(group).containers, id), "w", 0o600));
  }

  async #find(group: string, signal: AbortSignal): Promise<Shim | undefined> {
    const known = this.#connected.get(group);
    if (known?.client.isClosed === false) return known;
    const record = this.standing(group);
    if (record === undefined) return undefined;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(connectDeadline)]);
    const connected = await connectShim(record, limit);
    using log = this.#follow(group);
    return this.#keep({ ...record, ...connected }, log);
  }

  /** A shim opens its log first, and waits there for a reader. */
  #follow(group: string): DisposableStack {
    const { log } = this.#paths.shim(group);
    makeShimLog(log);
    const following = new DisposableStack();
    following.use(followShimLog(log, group, this.#host.log));
    return following;
  }

  #keep(shim: Shim, following: DisposableStack): Shim {
    const { group, client } = shim;
    const log = following.move();
    const since = performance.now();
    this.#connected.set(group, shim);
    void client.closed.then((reason) => {
      if (this.#connected.get(group) === shim) this.#connected.delete(group);
      log.dispose();
      if (isFault(reason, "corrupt"))
        this.#host.log.warn({ shim: group, err: describeFault(reason) }, "what a shim says can't be read");
      if (performance.now() - since > lastRetryMs) this.#retryMs.delete(group);
      void this.#connectAnew(group);
    });
    this.#observer.connected(shim, this.containersOf(group));
    return shim;
  }

  /** A connection was lost: to a shim that lives on there has to be another, or ends of its containers would not be heard of. */
  async #connectAnew(group: string): Promise<void> {
    for (;;) {
      const wait = this.#retryMs.get(group) ?? firstRetryMs;
      this.#retryMs.set(group, Math.min(wait * 2, lastRetryMs));
      await sleep(wait, undefined, { ref: false });
      if (this.standing(group) === undefined) return void this.#retryMs.delete(group);
      try {
        const signal = AbortSignal.timeout(connectDeadline);
        using _group = await this.#locks.hold(group, signal);
        await this.#find(group, signal);
        return;
      } catch (error) {
        this.#host.log.warn({ shim: group, err: describeFault(error) }, "a shim that lives does not answer");
      }
    }
  }

  /** Asks the shim to end; one that does not is killed. Takes away all it had. */
  async #end(group: string, signal: AbortSignal): Promise<void> {
    const shim = await this.#find(group, signal).catch(() => undefined);
    const answers = shim !== undefined && !(shim.client.isSilent && (await isSilent(shim)));
    // it may close the connection instead of an answer, or wait until that is closed
    if (answers)
      await shim.calls.shutdown({ id: group }, { timeout: shutdownPatience, signal }).catch(() => undefined);
    shim?.client[Symbol.dispose]();
    const isBound =
      this.#bound.delete(group) ||
      this.containersOf(group).some((id) => endingOf(id, this.#paths) === "untold");
    await this.#clear(group, signal, answers && !isBound ? endPatience : 0);
  }

  async #clear(group: string, signal: AbortSignal, patience: Ms = 0): Promise<void> {
    const record = readShimRecord(group, this.#paths);
    await endShimProcesses(group, this.#paths, patience, signal);
    if (record !== undefined) reapIfDead(record.process.pid);
    // one that was killed leaves it
    const sockets = record === undefined ? socketsLeft(group, this.#paths) : [record.socket];
    for (const socket of sockets) rmSync(socket, { force: true });
    rmSync(this.#paths.shim(group).directory, { recursive: true, force: true });
  }
}
