import { type FSWatcher, watch } from "node:fs";
import { describeFault } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import type { Ms } from "../base/units.ts";
import type { ContainerExit, MonitoredContainer } from "./contract.ts";
import { alive, recordedExit } from "./exits.ts";
import { endLost, type LostParts } from "./lost-monitor.ts";

/** How often exits that the watch lost, and monitors that were killed, are looked for. */
const sweepMs: Ms = 10_000;
/** An exit file may be there before the container is recorded: asked for again after this long, then twice that, … */
const firstRetryMs: Ms = 20;
const lastRetryMs: Ms = 5_000;

/** A container whose exit has not been told. */
interface Running {
  readonly id: ContainerId;
  readonly container: MonitoredContainer;
}

interface WatchParts extends LostParts {
  /** A monitor is gone: settles when what it left may be killed. Never throws. Absent: at once. */
  readonly beforeKill?: (id: ContainerId) => Promise<void>;
}

/** Tells each exit until it is taken, from those that happened before it was made until it is disposed of. */
export class ExitWatch implements Disposable {
  readonly #parts: WatchParts;
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
    parts: WatchParts,
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

  async #endLost({ id, container }: Running): Promise<void> {
    if (this.#ending.has(id)) return;
    this.#ending.add(id);
    const { host } = this.#parts;
    try {
      await this.#parts.beforeKill?.(id);
      const exit = await endLost(id, container, this.#parts);
      if (exit !== undefined && !this.#disposed && !this.#told.has(id)) this.#tell(exit);
    } catch (error) {
      const err = describeFault(error);
      host.log.error({ container: id, err }, "what a lost monitor left could not be killed");
    } finally {
      this.#ending.delete(id);
    }
  }
}
