import { after, before, describe } from "node:test";
import { patience } from "../../../test/harness/patience.ts";
import { checkpointCases } from "./checkpoint-cases.ts";
import { daemonDeathCases } from "./daemon-death-cases.ts";
import { execCases } from "./exec-cases.ts";
import { failureCases } from "./failure-cases.ts";
import { lifecycleCases } from "./lifecycle-cases.ts";
import { logCases } from "./log-cases.ts";
import { clearPlace, makePlace, type Place } from "./place.ts";
import { streamCases } from "./stream-cases.ts";
import type { TestedHandler } from "./tested-handler.ts";

/** What every ContainerRuntime has to do with a handler, on the real kernel. Needs root. */
export function containerRuntimeSuite(tested: TestedHandler): void {
  const skip = process.getuid?.() === 0 ? false : "NOT RUN: containers need root";
  describe(`containers with ${tested.name}`, { skip, timeout: 300_000 * patience }, () => {
    let place: Place | undefined;
    const here = (): Place => {
      if (place === undefined) throw new Error("the place is made before the tests run");
      return place;
    };
    before(async () => {
      place = await makePlace(tested);
    });
    after(() => clearPlace(here()));
    lifecycleCases(here, tested);
    logCases(here);
    execCases(here, tested);
    streamCases(here);
    failureCases(here, tested);
    checkpointCases(here, tested);
    daemonDeathCases(here);
  });
}
