import type { Ms } from "../../base/units.ts";
import { troubleAt } from "../../linux/remedy.ts";
import type { HandlerProbe } from "../contract.ts";
import { logProbe } from "../log-probe.ts";
import type { Handler, Handlers } from "./handlers.ts";
import { probeHandler } from "./probe.ts";
import type { TrialPlace } from "./trial.ts";

const firstPause: Ms = 10_000;
const longestPause: Ms = 600_000;

/**
 * Handlers whose trial says nothing of them: nothing could be written where that is done, or it took too long, as on a node that has
 * just booted and starts all of its pods. They are tried out again: once something can be written; less and less often while it
 * still takes too long.
 */
export class UntestedHandlers {
  readonly #place: TrialPlace;
  #untested: readonly Handler[];
  #isTrying = false;
  #pause: Ms = firstPause;
  /** By `performance.now()`. */
  #notBefore: Ms = 0;

  constructor(probed: readonly { handler: Handler; probe: HandlerProbe }[], place: TrialPlace) {
    this.#place = place;
    const isBarred = this.#isBarred();
    this.#untested = probed
      .filter(({ probe }) => probe.problem !== undefined && (isBarred || probe.isSlow))
      .map(({ handler }) => handler);
  }

  #isBarred(): boolean {
    return troubleAt(this.#place.scratch) !== undefined;
  }

  /** @returns whether any was tried out again, of which `handlers` knows then */
  async retry(handlers: Handlers): Promise<boolean> {
    if (this.#isTrying || this.#untested.length === 0) return false;
    if (performance.now() < this.#notBefore || this.#isBarred()) return false;
    this.#isTrying = true;
    try {
      const slow: Handler[] = [];
      for (const handler of this.#untested) if (await this.#isSlow(handler, handlers)) slow.push(handler);
      this.#untested = slow;
      this.#notBefore = performance.now() + this.#pause;
      this.#pause = Math.min(2 * this.#pause, longestPause);
      return true;
    } finally {
      this.#isTrying = false;
    }
  }

  async #isSlow(handler: Handler, handlers: Handlers): Promise<boolean> {
    const { version } = handlers.probe(handler.name);
    const probe = await probeHandler(handler, version, this.#place);
    handlers.probed(probe);
    logProbe(probe, this.#place.host.log);
    return probe.isSlow === true;
  }
}
