import { Fault } from "../base/fault.ts";
import type { HandlerProbe } from "./contract.ts";

/**
 * The handler for a pod that names `name`; "" stands for the default, in whose place the first that works is taken.
 *
 * @param probes of all handlers, in the order of the config
 * @throws {Fault} invalid with the names there are; wrongState with why it can't work
 */
export function resolveHandler(
  name: string,
  defaultName: string,
  probes: readonly HandlerProbe[],
): HandlerProbe {
  if (name !== "") return usable(probeOf(name, probes));
  const missing = `the default runtime handler "${defaultName}" is not configured`;
  const preferred = probeOf(defaultName, probes, missing);
  if (preferred.problem === undefined) return preferred;
  return probes.find((probe) => probe.problem === undefined) ?? usable(preferred);
}

/** For hints. */
export function configuredNames(probes: readonly HandlerProbe[]): string {
  return `configured: ${probes.map(({ handler }) => handler).join(", ") || "none"}`;
}

/** @throws {Fault} invalid with the names there are */
export function probeOf(
  name: string,
  probes: readonly HandlerProbe[],
  missing = `runtime handler "${name}" is not configured`,
): HandlerProbe {
  const probe = probes.find(({ handler }) => handler === name);
  if (probe !== undefined) return probe;
  throw new Fault("invalid", missing, { hint: configuredNames(probes) });
}

function usable(probe: HandlerProbe): HandlerProbe {
  if (probe.problem === undefined) return probe;
  throw new Fault("wrongState", `runtime handler "${probe.handler}" can't work here: ${probe.problem}`);
}
