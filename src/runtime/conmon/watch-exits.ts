import { type FSWatcher, watch, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describeFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import { errnoOf, systemFault } from "../../linux/libc.ts";
import type { ContainerExit, MonitoredContainer } from "../contract.ts";
import { cgroupOf, readBundle } from "./bundle.ts";
import { alive, exitOf, lostNote, recordedExit } from "./exits.ts";
import { killIfThere } from "./monitors.ts";
import type { ConmonParts } from "./parts.ts";

/** How often exits that the watch lost, and monitors that were killed, are looked for. */
const sweepMs: Ms = 10_000;
/** An exit file may be there before the container is recorded: asked for again after this long, then twice that, … */
const firstRetryMs: Ms = 20;
const lastRetryMs: Ms = 5_000;
/** How long killing what a lost monitor left may take. */
const killDeadline: Ms = 20_000;

/** A container whose exit has not been told. */
interface Running {
  readonly id: ContainerId;
  readonly container: MonitoredContainer;
}

/** Tells each exit until it is taken, from those that happened before it was made until it is disposed of. */
export class ExitWatch implements Disposable {
  readonly #parts: ConmonParts;
  readonly #running: () => Iterable<Running>;
  readonly #exited: (exit: ContainerExit) => Promise<void>;
  /** Told, but perhaps not recorded yet. One that can't be recorded is told again by the sweep. */
  readonly #told = new Set<ContainerId>();
  /** Lost monitors that are being dealt with. */
  readonly #ending = new Set<ContainerId>();
  readonly #sweeping: NodeJS.Timeout;
  readonly #retries = new Set<NodeJS.Timeout>();
  #watcher: FSWatcher | undefined;
  #disposed = false;

  constructor(
    parts: ConmonParts,
    running: () => Iterable<Running>,
    exited: (exit: ContainerExit) => Promise<void>,
  ) {
    this.#parts = parts;
    this.#running = running;
    this.#exited = exited;
    this.#arm(); // before the directory is read
    this.#sweeping = setInterval(() => this.#sweep(), sweepMs);
    this.#sweeping.unref();
    setImmediate(() => this.#sweep());
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
    clearInterval(this.#sweeping);
    for (const retry of this.#retries) clearTimeout(retry);
    this.#disposed = true;
  }

  #arm(): void {
    try {
      this.#watcher = watch(this.#parts.paths.exits, { persistent: false }, (_event, name) => {
        // conmon writes a temporary name first; only names of containers count
        if (name !== null && /^[0-9a-f]+$/.test(name)) this.#look(name as ContainerId, firstRetryMs);
      });
      this.#watcher.on("error", (error) => this.#disarm(error));
    } catch (error) {
      this.#disarm(error);
    }
  }

  /** Out of inotify watches, or the directory was taken away: the sweep finds exits, and tries to watch again. */
  #disarm(error: unknown): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    const err = describeFault(error);
    this.#parts.host.log.warn(
      { err },
      `exits are not watched; they are looked for every ${sweepMs / 1000} s`,
    );
  }

  #look(id: ContainerId, retryMs: Ms): void {
    if (this.#disposed || this.#told.has(id)) return;
    for (const running of this.#running()) {
      if (running.id !== id) continue;
      this.#check(running);
      return;
    }
    if (retryMs > lastRetryMs) return;
    const { paths, host } = this.#parts;
    if (recordedExit(id, paths, host.cgroups) === undefined) return; // deleted
    const retry = setTimeout(() => {
      this.#retries.delete(retry);
      this.#look(id, retryMs * 2);
    }, retryMs);
    retry.unref();
    this.#retries.add(retry);
  }

  #sweep(): void {
    if (this.#disposed) return;
    if (this.#watcher === undefined) this.#arm();
    const known = new Set<ContainerId>();
    for (const running of [...this.#running()]) {
      known.add(running.id);
      if (!this.#told.has(running.id)) this.#check(running);
    }
    for (const id of this.#told) if (!known.has(id)) this.#told.delete(id);
  }

  #check(running: Running): void {
    const { paths, host } = this.#parts;
    const { id, container } = running;
    try {
      const lost = !alive(container.monitor);
      const exit = recordedExit(id, paths, host.cgroups);
      if (exit !== undefined) this.#tell(exit);
      else if (lost) void this.#endLost(running);
    } catch (error) {
      const err = describeFault(error);
      host.log.error({ container: id, err }, "an exit could not be read");
    }
  }

  #tell(exit: ContainerExit): void {
    this.#told.add(exit.id);
    this.#exited(exit).catch(() => this.#told.delete(exit.id));
  }

  /** Without its monitor nobody would know the exit, nor read its output: it is killed, and that is noted as its exit. */
  async #endLost({ id, container }: Running): Promise<void> {
    if (this.#ending.has(id)) return;
    this.#ending.add(id);
    const { host, paths } = this.#parts;
    host.log.warn({ container: id }, "the container's monitor is gone; killing what it left");
    try {
      if (alive(container.init)) killIfThere(container.init.pid);
      const config = readBundle(paths.container(id).bundle);
      const cgroup = config === undefined ? undefined : cgroupOf(config);
      if (cgroup !== undefined) await host.cgroups.killAll(cgroup, AbortSignal.timeout(killDeadline));
      while (alive(container.init)) await sleep(1);
      // a monitor that was only slow may have noted the exit meanwhile: its word counts
      this.#noteLost(id);
      const exit = exitOf(id, container, paths, host.cgroups);
      if (exit !== undefined && !this.#disposed && !this.#told.has(id)) this.#tell(exit);
    } catch (error) {
      const err = describeFault(error);
      host.log.error({ container: id, err }, "what a lost monitor left could not be killed");
    } finally {
      this.#ending.delete(id);
    }
  }

  /** So that a later daemon tells the same exit at the same time, where this one can't record it. */
  #noteLost(id: ContainerId): void {
    const { exitFile } = this.#parts.paths.container(id);
    try {
      writeFileSync(exitFile, lostNote, { flag: "wx", mode: 0o600 });
    } catch (error) {
      if (errnoOf(error) === "EEXIST") return;
      const err = describeFault(systemFault(`writing ${exitFile}`, error));
      this.#parts.host.log.warn({ container: id, err }, "the end of a lost monitor could not be noted");
    }
  }
}
