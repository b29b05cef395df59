import type { Logger } from "pino";
import type { HandlerProbe } from "./contract.ts";

/** Tells the log what came of trying out a handler. */
export function logProbe(probe: HandlerProbe, log: Logger): void {
  if (probe.problem === undefined) log.info(probe, "runtime handler works");
  else log.warn(probe, "runtime handler can't work here");
}
