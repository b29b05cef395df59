import { readFileSync } from "node:fs";
import { statField, statFields } from "./process-stat.ts";

/** With what a process ended that nobody has waited for yet, as a shell has it. Undefined when it lives, or is gone. */
export function exitCodeOfDead({
  pid,
  startTicks,
}: {
  readonly pid: number;
  readonly startTicks: number;
}): number | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  const fields = statFields(text);
  if (fields[statField.state] !== "Z" || Number(fields[statField.startTicks]) !== startTicks)
    return undefined;
  const status = Number(fields[statField.exitCode]);
  const signal = status & 0x7f;
  return signal === 0 ? status >> 8 : 128 + signal;
}
