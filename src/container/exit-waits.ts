import type { ContainerId } from "../base/ids.ts";

/** Who waits for which container to be recorded as exited. */
export class ExitWaits {
  readonly #waits = new Map<ContainerId, PromiseWithResolvers<void>>();

  /** Settles when `id` is next recorded as exited; rejects when it has, and that can't be recorded. */
  next(id: ContainerId): Promise<void> {
    let wait = this.#waits.get(id);
    if (wait === undefined) {
      wait = Promise.withResolvers<void>();
      wait.promise.catch(() => undefined); // whoever waited may have left
      this.#waits.set(id, wait);
    }
    return wait.promise;
  }

  /** How many containers are waited for. */
  get size(): number {
    return this.#waits.size;
  }

  /** Called after the exit of `id`, or its removal, is committed. */
  exited(id: ContainerId): void {
    this.#waits.get(id)?.resolve();
    this.#waits.delete(id);
  }

  /** Called when the exit of `id` could not be committed. */
  unrecorded(id: ContainerId, why: unknown): void {
    this.#waits.get(id)?.reject(why);
    this.#waits.delete(id);
  }
}
