import { waitFor } from "../../../base/deadline.ts";
import { describeFault, isFault } from "../../../base/fault.ts";
import type { ContainerId } from "../../../base/ids.ts";
import type { Ms } from "../../../base/units.ts";
import type { Paths } from "../../../config/paths.ts";
import type { WaitSandboxResponse } from "../../../wire/gen/sandbox.v1.ts";
import type { RuntimeHost } from "../../host.ts";
import { endLost } from "../../lost-monitor.ts";
import { isDying, noteExit } from "../exits.ts";
import { readMarker, writeMarker } from "../marker.ts";
import type { Shim } from "../shim.ts";

/** How long a shim may take to say how its sandbox is. */
const answerDeadline: Ms = 10_000;

/** What a shim says of a sandbox that goes on, or when it does not say. */
const goesOn: readonly string[] = ["SANDBOX_READY", ""];

/** How a sandbox ended that its shim knows no more. */
const unknownEnd: WaitSandboxResponse = { exitStatus: 255, exitedAt: undefined };

interface Watched {
  readonly shim: Shim;
  readonly waiting: AbortController;
  readonly settled: Promise<void>;
}

/**
 * Waits for the ends of sandboxes that shims made, and notes each where a container's exit is noted: whose watch tells it.
 */
export class SandboxWatch {
  readonly #host: RuntimeHost;
  readonly #paths: Paths;
  readonly #watched = new Map<ContainerId, Watched>();

  constructor({ host, paths }: { host: RuntimeHost; paths: Paths }) {
    this.#host = host;
    this.#paths = paths;
  }

  /** @param isStanding it was made some time ago, and may have ended since: the shim is asked first. Idempotent */
  watch(id: ContainerId, shim: Shim, isStanding = false): void {
    if (this.#watched.get(id)?.shim === shim) return;
    const waiting = new AbortController();
    const settled = this.#settle(id, shim, isStanding, waiting.signal)
      .catch((error: unknown) => {
        this.#host.log.error({ pod: id, err: describeFault(error) }, "a sandbox's end could not be noted");
      })
      .finally(() => {
        if (this.#watched.get(id)?.shim === shim) this.#watched.delete(id);
      });
    this.#watched.set(id, { shim, waiting, settled });
  }

  /** The sandbox is taken away: settles when nothing more will be noted of it. */
  async forget(id: ContainerId): Promise<void> {
    const watched = this.#watched.get(id);
    watched?.waiting.abort();
    await watched?.settled;
  }

  async #settle(id: ContainerId, shim: Shim, isStanding: boolean, signal: AbortSignal): Promise<void> {
    try {
      const end = await this.#endOf(id, shim, isStanding, signal);
      if (end !== undefined) return this.#note(id, end);
      await waitFor(shim.client.closed, signal, "waiting for the shim's end");
    } catch (error) {
      if (signal.aborted) return;
      if (!isFault(error, "unavailable", "cancelled", "corrupt")) throw error;
    }
    if (!(await isDying(shim))) return; // it is connected to anew
    const init = readMarker(id, this.#paths)?.init;
    if (init === undefined || signal.aborted) return;
    await endLost(id, { monitor: shim.process, init }, { host: this.#host, paths: this.#paths });
  }

  /** Undefined: the shim does not tell it, so it ends with the shim. @throws {Fault} unavailable when the shim is gone */
  async #endOf(
    sandboxId: ContainerId,
    { sandboxes }: Shim,
    isStanding: boolean,
    signal: AbortSignal,
  ): Promise<WaitSandboxResponse | undefined> {
    const soon = { timeout: answerDeadline, signal };
    try {
      if (isStanding) await sandboxes.pingSandbox({ sandboxId }, soon);
      const end = await sandboxes.waitSandbox({ sandboxId }, { isBackground: true, signal });
      if (end.exitedAt !== undefined) return end;
      // containerd 1.7's shim for runc answers at once, as it has nothing that could end
      const { state } = await sandboxes.sandboxStatus({ sandboxId, verbose: false }, soon);
      return goesOn.includes(state) ? undefined : end;
    } catch (error) {
      if (isFault(error, "notFound")) return unknownEnd;
      if (signal.aborted || isFault(error, "unavailable", "cancelled", "corrupt")) throw error;
      const err = describeFault(error);
      this.#host.log.warn({ pod: sandboxId, err }, "a shim does not tell how its sandbox is");
      return undefined;
    }
  }

  #note(id: ContainerId, { exitStatus, exitedAt }: WaitSandboxResponse): void {
    const marker = readMarker(id, this.#paths);
    if (marker === undefined) return; // it is being taken away
    writeMarker(id, { ...marker, over: "noted" }, this.#paths);
    noteExit(id, exitStatus, exitedAt, this.#paths);
  }
}
