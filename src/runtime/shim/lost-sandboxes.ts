import { describeFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import { cleanUp } from "./clean-up.ts";
import { isOnHost } from "./handler.ts";
import { type HandlerParts, handlerOf } from "./handler-of.ts";
import type { KeeperParts } from "./keeper.ts";
import { readMarker, writeMarker } from "./marker.ts";
import type { Shims } from "./shims.ts";

/** How long a shim's program may take for a sandbox, before what it has not taken down is killed. */
const takeDownDeadline: Ms = 15_000;

interface LostParts extends Pick<KeeperParts, "host">, HandlerParts {
  readonly shims: Shims;
}

/** Takes down the sandboxes of shims that are gone, each once. */
export class LostSandboxes {
  readonly #parts: LostParts;
  readonly #running = new Map<string, Promise<void>>();

  constructor(parts: LostParts) {
    this.#parts = parts;
  }

  /**
   * Has the shim's program take down what ran in the sandbox, and then that, while its machine lives: Kata's tells the agent in there, and
   * keeps all but the last container on its books when it can't reach the machine. What is on this host, or a sandbox that the shim
   * made by itself, is left to others. Never throws.
   */
  async takeDown(group: string): Promise<void> {
    const running = this.#running.get(group) ?? this.#takeDown(group);
    this.#running.set(group, running);
    await running.finally(() => this.#running.delete(group));
  }

  async #takeDown(group: string): Promise<void> {
    const { host, paths, shims } = this.#parts;
    const sandbox = group as ContainerId;
    const marker = readMarker(sandbox, paths);
    if (marker === undefined || marker.isSandbox === true) return;
    if (isOnHost(handlerOf(sandbox, this.#parts))) return;
    const signal = AbortSignal.timeout(takeDownDeadline);
    try {
      for (const id of shims.containersOf(group)) if (id !== sandbox) await this.#forget(id, signal);
      await this.#forget(sandbox, signal);
    } catch (error) {
      const err = describeFault(error);
      host.log.warn({ pod: group, err }, "the sandbox of a shim that is gone was not taken down in order");
    }
  }

  async #forget(id: ContainerId, signal: AbortSignal): Promise<void> {
    const { paths } = this.#parts;
    const marker = readMarker(id, paths);
    if (marker === undefined || marker.over === "forgotten") return;
    const { bundle } = paths.container(id);
    if (await cleanUp({ id, bundle }, handlerOf(id, this.#parts), this.#parts, signal))
      writeMarker(id, { ...marker, over: "forgotten" }, paths);
  }
}
