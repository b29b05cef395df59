import { after, before, describe } from "node:test";
import { daemonDeathCases } from "./daemon-death-cases.ts";
import { execCases } from "./exec-cases.ts";
import { failureCases } from "./failure-cases.ts";
import { lifecycleCases } from "./lifecycle-cases.ts";
import { logCases } from "./log-cases.ts";
import { clearPlace, makePlace, type Place } from "./place.ts";
import { streamCases } from "./stream-cases.ts";

/** What every ContainerRuntime has to do with the OCI runtime `handler`, on the real kernel. Needs root. */
export function containerRuntimeSuite(handler: string): void {
  const skip = process.getuid?.() === 0 ? false : "NOT RUN: containers need root";
  describe(`containers with ${handler}`, { skip, timeout: 300_000 }, () => {
    let place: Place | undefined;
    const here = (): Place => {
      if (place === undefined) throw new Error("the place is made before the tests run");
      return place;
    };
    before(async () => {
      place = await makePlace(handler);
    });
    after(() => clearPlace(here()));
    lifecycleCases(here);
    logCases(here);
    execCases(here);
    streamCases(here);
    failureCases(here);
    daemonDeathCases(here);
  });
}
