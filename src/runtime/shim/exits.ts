import { existsSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../base/deadline.ts";
import { describeFault, isFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { Paths } from "../../config/paths.ts";
import { deadChildren } from "../../linux/dead-children.ts";
import { exitCodeOfDead } from "../../linux/dead-process.ts";
import { killIfSame } from "../../linux/kill-if-there.ts";
import type { Timestamp, WaitResponse } from "../../wire/gen/task.v2.ts";
import { recordedMonitor, settleMonitors } from "../conmon/monitors.ts";
import type { ProcessIdentity } from "../contract.ts";
import { alive } from "../exits.ts";
import type { RuntimeHost } from "../host.ts";
import { endLost } from "../lost-monitor.ts";
import { wasOomKilled } from "../oom-kills.ts";
import { isOnHost } from "./handler.ts";
import { type HandlerParts, handlerOf } from "./handler-of.ts";
import { endKeeper } from "./keeper.ts";
import { endingOf, readMarker, writeMarker } from "./marker.ts";
import type { Shim } from "./shim.ts";
import { endsUnheard, isSilent } from "./silent.ts";

/** How long a shim whose connection is lost may take to be gone. */
const dyingMs: Ms = 2000;
/** How long the keeper of a container's output may take to end. */
const keeperDeadline: Ms = 10_000;

/** One that is waited for, with the connection that is asked. */
interface Watched {
  readonly shim: Shim;
  readonly waiting: AbortController;
  readonly settled: Promise<void>;
}

/** The exit code of what SIGKILL ended. */
const killed = 137;
/** And of what ended nobody knows how. */
const notKnown = 255;

/** How long a container that a shim held up may take to end once that is killed. */
const heldMs: Ms = 5_000;
/** How often keepers that were killed, and ends that shims tell nothing of, are looked for. */
const sweepMs: Ms = 10_000;
/** When it is looked for the end of a container that was killed. */
const expectMs: Ms = 1000;

/** Who is told of an end that was noted, and of a shim that is gone. */
export interface ExitObserver {
  ended(id: ContainerId, shim: Shim): Promise<void>;
  /** The shim is gone. Settles when what it left may be killed. Called for each of its containers. Never throws. */
  lost(shim: Shim): Promise<void>;
}

interface ExitParts extends HandlerParts {
  readonly host: RuntimeHost;
}

/**
 * Waits for the ends of containers under shims, and notes each where conmon would: in the exits' directory, whose watch tells it.
 */
export class ShimExits {
  readonly #host: RuntimeHost;
  readonly #paths: Paths;
  readonly #observer: ExitObserver;
  readonly #parts: ExitParts;
  readonly #watched = new Map<ContainerId, Watched>();

  /** Those that have ended, whose keepers may end, too. */
  readonly #ended = new Set<ContainerId>();
  /** Those that are being killed for want of a keeper: what their shims tell of it comes second. */
  readonly #keeperless = new Map<ContainerId, Promise<void>>();
  /** Those whose ends a silent shim may hold up. */
  readonly #held = new Map<ContainerId, Promise<void>>();

  constructor(parts: ExitParts, observer: ExitObserver) {
    this.#parts = parts;
    this.#host = parts.host;
    this.#paths = parts.paths;
    this.#observer = observer;
    setInterval(() => this.#sweep(), sweepMs).unref();
  }

  /** Notes how the container ends. One that ended before is noted at once. Idempotent. */
  watch(id: ContainerId, shim: Shim): void {
    if (this.#watched.get(id)?.shim === shim) return;
    const waiting = new AbortController();
    const settled = this.#settle(id, shim, waiting.signal)
      .catch((error: unknown) => {
        this.#host.log.error({ container: id, err: describeFault(error) }, "an exit could not be noted");
      })
      .finally(() => {
        this.#ended.delete(id);
        this.#keeperless.delete(id);
        if (this.#watched.get(id)?.shim === shim) this.#watched.delete(id);
      });
    this.#watched.set(id, { shim, waiting, settled });
  }

  /** Notes the exit of one that was killed, or is to be seen to have ended, and whose shim tells none. */
  async endUntold(id: ContainerId, shim: Shim, over: "untold" | "noted", exitStatus = killed): Promise<void> {
    await this.forget(id);
    if (endingOf(id, this.#paths) !== "lives") return; // told after all
    await this.#end(id, shim, { exitStatus, exitedAt: undefined }, over);
    this.#ended.delete(id);
    if (over === "noted") await this.#tellEnded(id, shim);
  }

  /** A container of this host was killed: a shim that hangs tells nothing of its end, or holds it up. */
  expectEnd(id: ContainerId): void {
    const looking = setTimeout(() => {
      this.#look(id);
      const ending = this.#endHeld(id)
        .catch((error: unknown) => {
          const err = describeFault(error);
          this.#host.log.error({ container: id, err }, "what a shim holds up could not be ended");
        })
        .finally(() => this.#held.delete(id));
      this.#held.set(id, ending);
    }, expectMs);
    looking.unref();
  }

  /** The container's shim is gone: settles when its end is noted, if it is known, as the shim was killed for it. Never throws. */
  async notedIfHeld(id: ContainerId): Promise<void> {
    await this.#held.get(id);
  }

  /** Settles when the shim has forgotten a container whose exit is noted: until then it may have hooks run. */
  async ended(id: ContainerId, signal: AbortSignal): Promise<void> {
    if (endingOf(id, this.#paths) === "lives") return;
    const settled = this.#watched.get(id)?.settled;
    if (settled !== undefined) await waitFor(settled, signal, `waiting until container ${id} is deleted`);
  }

  /** The container is deleted: settles when nothing more will be noted of it. */
  async forget(id: ContainerId): Promise<void> {
    const watched = this.#watched.get(id);
    watched?.waiting.abort(); // not every shim answers then
    await watched?.settled;
  }

  async #settle(id: ContainerId, shim: Shim, signal: AbortSignal): Promise<void> {
    try {
      const exit = await shim.calls.wait({ id }, { isBackground: true, signal });
      if (!(await this.#end(id, shim, exit, "noted"))) return;
      await this.#tellEnded(id, shim);
    } catch (error) {
      if (signal.aborted) return; // it is being deleted
      if (isFault(error, "notFound")) {
        // it was deleted; by a daemon that was killed before it had let go of the shim, if its end is noted
        if (endingOf(id, this.#paths) !== "lives") await this.#tellEnded(id, shim);
        return;
      }
      if (!isFault(error, "unavailable", "cancelled", "corrupt")) throw error;
      await this.#lost(id, shim);
    }
  }

  async #tellEnded(id: ContainerId, shim: Shim): Promise<void> {
    await this.#observer.ended(id, shim).catch((error: unknown) => {
      const err = describeFault(error);
      this.#host.log.warn({ container: id, err }, "a shim goes on, though all its containers have ended");
    });
  }

  /** False: it is being deleted. */
  async #end(
    id: ContainerId,
    shim: Shim,
    { exitStatus, exitedAt }: WaitResponse,
    over: "noted" | "untold",
  ): Promise<boolean> {
    this.#ended.add(id);
    // one that says nothing passes nothing on, either
    await endKeeper(id, shim.client.isSilent ? undefined : shim.process.pid, this.#paths);
    await settleMonitors(id, this.#paths, AbortSignal.timeout(keeperDeadline));
    await this.#keeperless.get(id);
    const marker = readMarker(id, this.#paths);
    if (marker === undefined) return false;
    writeMarker(id, { ...marker, over }, this.#paths);
    this.#note(id, exitStatus, exitedAt);
    return true;
  }

  #note(id: ContainerId, code: number, at: Timestamp | undefined): void {
    const { exitFile, oomFile } = this.#paths.container(id);
    // the kernel's count goes with the cgroup
    if (code !== 0 && wasOomKilled(id, code, this.#paths, this.#host.cgroups))
      writeFileSync(oomFile, "", { mode: 0o600 });
    if (existsSync(exitFile)) return; // such as that its keeper was lost
    noteExit(id, code, at, this.#paths);
  }

  async #lost(id: ContainerId, shim: Shim): Promise<void> {
    if (!(await isDying(shim))) return; // it is connected to anew
    await this.#observer.lost(shim);
    await this.#endLost(id, shim);
    await endKeeper(id, undefined, this.#paths);
  }

  async #endLost(id: ContainerId, shim: Shim): Promise<void> {
    const init = readMarker(id, this.#paths)?.init;
    if (init === undefined) return;
    await endLost(id, { monitor: shim.process, init }, { host: this.#host, paths: this.#paths });
  }

  #sweep(): void {
    for (const id of this.#watched.keys()) this.#look(id);
  }

  /** A container whose keeper was killed would stand still as soon as the pipes are full; one that has ended would run for good. */
  #look(id: ContainerId): void {
    const shim = this.#watched.get(id)?.shim;
    if (shim === undefined || this.#ended.has(id)) return;
    const failed = (what: string) => (error: unknown) =>
      this.#host.log.error({ container: id, err: describeFault(error) }, what);
    if (recordedMonitor(id, this.#paths) !== undefined) {
      void this.#endUnheard(id, shim).catch(failed("the end of a container could not be noted"));
      return;
    }
    this.#ended.add(id);
    const ending = this.#endKeeperless(id, shim).catch(
      failed("a container without a keeper could not be killed"),
    );
    this.#keeperless.set(id, ending);
  }

  async #endUnheard(id: ContainerId, shim: Shim): Promise<void> {
    if (!isOnHost(handlerOf(id, this.#parts)) || !(await endsUnheard(id, shim, this.#paths))) return;
    if (this.#ended.has(id)) return;
    this.#host.log.warn(
      { container: id, shim: shim.group },
      "a container has ended, and its shim says nothing",
    );
    const init = readMarker(id, this.#paths)?.init;
    const code = init === undefined ? undefined : exitCodeOfDead(init);
    await this.endUntold(id, shim, "untold", code ?? notKnown);
  }

  /**
   * A container's first process can't end before all in its PID namespace are waited for, and those of commands are its shim's to wait
   * for: one that says nothing is killed, though the pod's other containers end with it.
   */
  async #endHeld(id: ContainerId): Promise<void> {
    const shim = this.#watched.get(id)?.shim;
    const init = readMarker(id, this.#paths)?.init;
    if (shim === undefined || init === undefined || !alive(init) || !(await isSilent(shim))) return;
    const { pid } = shim.process;
    if (!alive(init) || !deadChildren(pid).some(({ inContainer }) => inContainer)) return;
    this.#host.log.warn(
      { container: id, shim: shim.group, pid },
      "a shim that says nothing holds up the end of a container that was killed: it is killed itself",
    );
    await this.forget(id); // its end is known
    killIfSame(shim.process);
    if (await isOver(init, heldMs)) await this.endUntold(id, shim, "untold");
  }

  /** Of one in a sandbox the recorded pid is the sandbox's, which the others of the pod need: its shim ends it alone. */
  async #endKeeperless(id: ContainerId, shim: Shim): Promise<void> {
    if (isOnHost(handlerOf(id, this.#parts))) await this.#endLost(id, shim);
    else await shim.calls.kill({ id, signal: 9, all: true });
  }
}

/** Whether a shim whose connection is lost is gone, or will be in a moment. */
export async function isDying({ process }: Shim): Promise<boolean> {
  return await isOver(process, dyingMs);
}

async function isOver(process: ProcessIdentity, patience: Ms): Promise<boolean> {
  const until = performance.now() + patience;
  while (alive(process)) {
    if (performance.now() > until) return false;
    await sleep(5);
  }
  return true;
}

/** Whole or not at all; its time is the exit's own. */
export function noteExit(id: ContainerId, code: number, at: Timestamp | undefined, paths: Paths): void {
  const { exitFile } = paths.container(id);
  const seconds = at === undefined ? Date.now() / 1000 : Number(at.seconds) + at.nanos / 1e9;
  const fresh = `${exitFile}.${process.pid}`;
  try {
    writeFileSync(fresh, String(code), { mode: 0o600 });
    utimesSync(fresh, seconds, seconds);
    renameSync(fresh, exitFile);
  } finally {
    rmSync(fresh, { force: true });
  }
}
