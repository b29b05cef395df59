import { constants } from "node:os";
import { Fault } from "../base/fault.ts";

/** A signal by its name, as in `SIGTERM` or `SIGRTMIN+3`, and its number on this machine. */
export interface Signal {
  readonly name: string;
  readonly number: number;
}

/** The first and last real-time signal that programs may use: the C library keeps two for itself (signal(7)). */
const realTimeFirst = 34;
const realTimeLast = 64;
/** From here on they are counted from the last one, as the CRI and the C library's `kill -l` have it. */
const realTimeUpper = 50;

const named: ReadonlyMap<string, number> = new Map([
  ...Object.entries(constants.signals).filter(([name]) => name !== "SIGUNUSED"),
  ["SIGCLD", constants.signals.SIGCHLD],
  ["SIGPOLL", constants.signals.SIGIO],
]);

/**
 * Reads a stop signal as images, the CRI and people write it: a number, or a name with or without `SIG`, in any case,
 * `RTMIN+n` and `RTMAX-n` included. Its name comes out in one form for each number.
 *
 * @throws {Fault} invalid
 */
export function parseSignal(text: string): Signal {
  const number = signalNumber(text.trim().toUpperCase());
  if (number === undefined) {
    throw new Fault("invalid", `"${text}" is not a signal`, {
      hint: "as in SIGTERM, TERM, SIGRTMIN+3 or 15",
    });
  }
  return { name: signalName(number), number };
}

function signalNumber(text: string): number | undefined {
  if (/^[0-9]{1,2}$/.test(text)) {
    const number = Number(text);
    const known = (number >= realTimeFirst && number <= realTimeLast) || [...named.values()].includes(number);
    return known ? number : undefined;
  }
  const name = text.startsWith("SIG") ? text : `SIG${text}`;
  const realTime = /^SIGRT(?:MIN(?:\+([0-9]{1,2}))?|MAX(?:-([0-9]{1,2}))?)$/.exec(name);
  if (realTime === null) return named.get(name);
  const number = name.startsWith("SIGRTMIN")
    ? realTimeFirst + Number(realTime[1] ?? 0)
    : realTimeLast - Number(realTime[2] ?? 0);
  return number >= realTimeFirst && number <= realTimeLast ? number : undefined;
}

function signalName(number: number): string {
  for (const [name, known] of named) if (known === number && name !== "SIGIOT") return name;
  if (number === realTimeFirst) return "SIGRTMIN";
  if (number === realTimeLast) return "SIGRTMAX";
  return number < realTimeUpper ? `SIGRTMIN+${number - realTimeFirst}` : `SIGRTMAX-${realTimeLast - number}`;
}
