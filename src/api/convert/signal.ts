import * as cri from "../../wire/gen/runtime.v1.ts";
import { wrongField } from "./field.ts";

const nameOfNumber: ReadonlyMap<number, string> = new Map(
  Object.entries(cri.Signal).map(([name, number]) => [number, signalName(name)]),
);
const numberOfName: ReadonlyMap<string, cri.Signal> = new Map(
  Object.entries(cri.Signal).map(([name, number]) => [signalName(name), number]),
);

/** `SIGNAL_SIGRTMINPLUS3` is SIGRTMIN+3; the runtime's default is "". */
function signalName(wireName: string): string {
  if (wireName === "SIGNAL_RUNTIME_DEFAULT") return "";
  return wireName.replace("SIGNAL_", "").replace("MINPLUS", "MIN+").replace("MAXMINUS", "MAX-");
}

/** @throws {Fault} invalid for a number without a signal */
export function decodeSignal(signal: number, field: string): string {
  const name = nameOfNumber.get(signal);
  if (name === undefined) throw wrongField(field, `${signal} is not a value of this field`);
  return name;
}

/** The number of `SIGTERM`; the runtime's default for a signal that the CRI has no name for. */
export function encodeSignal(name: string): cri.Signal {
  return numberOfName.get(name) ?? cri.Signal.SIGNAL_RUNTIME_DEFAULT;
}
