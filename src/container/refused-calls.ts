import type { ContainerId } from "../base/ids.ts";
import type { Ms } from "../base/units.ts";

/** What is to be done with a container that makes a system call which its seccomp profile refuses. */
export type RefusedCallAction = "log" | "stop";

/** What a container's filter is given to say of itself: the container, and what to do. */
export function notifierMetadata(id: ContainerId, action: RefusedCallAction): string {
  return `${action} ${id}`;
}

interface Refused {
  readonly counts: Map<string, number>;
  stopping: NodeJS.Timeout | undefined;
  wasStopped: boolean;
}

/** The system calls that were refused to containers whose pods want to know (`seccomp-notifier-action.crio.io`). */
export class RefusedCalls {
  readonly #refused = new Map<ContainerId, Refused>();

  /** @returns how often this call was refused to the container, with this time */
  count(id: ContainerId, name: string): number {
    const refused = this.#refused.get(id) ?? { counts: new Map(), stopping: undefined, wasStopped: false };
    this.#refused.set(id, refused);
    const count = (refused.counts.get(name) ?? 0) + 1;
    refused.counts.set(name, count);
    return count;
  }

  /** Stops the container once no call was refused to it for so long. */
  stopAfter(id: ContainerId, quiet: Ms, stop: () => Promise<void>): void {
    const refused = this.#refused.get(id);
    if (refused === undefined || refused.wasStopped) return;
    clearTimeout(refused.stopping);
    refused.stopping = setTimeout(() => {
      refused.wasStopped = true;
      void stop();
    }, quiet).unref();
  }

  /** Of a container that has ended: the calls for which it was stopped, as in `swapoff (2x), unshare`. Forgets them. */
  stoppedFor(id: ContainerId): string | undefined {
    const refused = this.#refused.get(id);
    this.#refused.delete(id);
    clearTimeout(refused?.stopping);
    if (refused?.wasStopped !== true) return undefined;
    return Array.from(refused.counts, ([name, count]) => (count === 1 ? name : `${name} (${count}x)`)).join(
      ", ",
    );
  }
}
