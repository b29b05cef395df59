import { troubleAt } from "../../linux/remedy.ts";
import type { HandlerProbe } from "../contract.ts";
import type { Handler, Handlers } from "./handlers.ts";
import { probeHandler } from "./probe.ts";
import type { TrialPlace } from "./trial.ts";

/**
 * Handlers that were tried out while nothing could be written where that is done: what came of it says nothing of them. They
 * are tried out again once something can.
 */
export class UntestedHandlers {
  readonly #place: TrialPlace;
  #untested: readonly Handler[];
  #isTrying = false;

  constructor(probed: readonly { handler: Handler; probe: HandlerProbe }[], place: TrialPlace) {
    this.#place = place;
    const failed = probed.filter(({ probe }) => probe.problem !== undefined).map(({ handler }) => handler);
    this.#untested = failed.length > 0 && this.#isBarred() ? failed : [];
  }

  #isBarred(): boolean {
    return troubleAt(this.#place.scratch) !== undefined;
  }

  /** @returns whether any was tried out again, of which `handlers` knows then */
  async retry(handlers: Handlers): Promise<boolean> {
    if (this.#isTrying || this.#untested.length === 0 || this.#isBarred()) return false;
    this.#isTrying = true;
    try {
      const { log } = this.#place.host;
      for (const handler of this.#untested) {
        const { version } = handlers.probe(handler.name);
        const probe = await probeHandler(handler, version, this.#place);
        handlers.probed(probe);
        if (probe.problem === undefined) log.info(probe, "runtime handler works");
        else log.warn(probe, "runtime handler can't work here");
      }
      this.#untested = [];
      return true;
    } finally {
      this.#isTrying = false;
    }
  }
}
