import { readFileSync } from "node:fs";

/** Fields of /proc/<pid>/stat, counted from the one after the command's name (proc(5)). */
const startField = 19;
const exitField = 49;

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
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (fields[0] !== "Z" || Number(fields[startField]) !== startTicks) return undefined;
  const status = Number(fields[exitField]);
  const signal = status & 0x7f;
  return signal === 0 ? status >> 8 : 128 + signal;
}
