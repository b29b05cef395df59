import type { Logger } from "pino";
import { describeFault } from "../../base/fault.ts";
import type { PodSandboxId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { AttachmentStore } from "./attachment-store.ts";

const firstWaitMs: Ms = 1000;
const longestWaitMs: Ms = 300_000;

/**
 * Detaches abandoned pods in the background, one after the other, until each has succeeded. Rounds come at
 * twice the distance each time, up to five minutes, and anew from a second on when another pod is abandoned.
 */
export class Retries {
  readonly #store: AttachmentStore;
  readonly #detach: (id: PodSandboxId, signal: AbortSignal) => Promise<void>;
  readonly #log: Logger;
  readonly #ended = new AbortController();
  #wait: Ms = firstWaitMs;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();

  constructor(
    store: AttachmentStore,
    detach: (id: PodSandboxId, signal: AbortSignal) => Promise<void>,
    log: Logger,
  ) {
    this.#store = store;
    this.#detach = detach;
    this.#log = log;
  }

  /** Tries at once, and then after a second, two, four … while anything is left. */
  begin(): void {
    this.#wait = firstWaitMs;
    this.#schedule(0);
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#ended.abort();
    await this.#round;
  }

  #schedule(wait: Ms): void {
    clearTimeout(this.#timer);
    if (this.#ended.signal.aborted) return;
    this.#timer = setTimeout(() => {
      // A round in flight is waited for, so that no pod is detached twice at once.
      this.#round = this.#round.then(() => this.#tryAll());
    }, wait).unref();
  }

  async #tryAll(): Promise<void> {
    const ids = await this.#store.abandonedIds().catch(() => []);
    let left = 0;
    for (const id of ids) {
      if (this.#ended.signal.aborted) return;
      try {
        await this.#detach(id, this.#ended.signal);
        await this.#store.forgetAbandoned(id);
        this.#log.info({ pod: id }, "an abandoned pod is detached from its network");
      } catch (error) {
        left++;
        if (this.#ended.signal.aborted) return;
        this.#log.debug({ pod: id, err: describeFault(error) }, "an abandoned pod is still not detached");
      }
    }
    if (left === 0) return;
    this.#log.warn(
      { pods: left, nextMs: this.#wait },
      "abandoned pods still hold addresses or rules of their network",
    );
    this.#schedule(this.#wait);
    this.#wait = Math.min(this.#wait * 2, longestWaitMs);
  }
}
