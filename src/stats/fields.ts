import type { Pressure, PressureLine } from "./contract.ts";

/** The text of a cgroup file, or undefined where the kernel does not have it. */
export type FileText = string | undefined;

/** A file that holds one number; undefined for none, `max` or anything else. */
export function numberOf(text: FileText): number | undefined {
  if (text === undefined) return undefined;
  const digits = text.trimEnd();
  return digitsEnd(digits, 0) === digits.length && digits !== "" ? Number(digits) : undefined;
}

/** The same, without loss above 2^53. */
export function bigNumberOf(text: FileText): bigint | undefined {
  return numberOf(text) === undefined ? undefined : BigInt(text ?? "");
}

const zero = "0".charCodeAt(0);
const nine = "9".charCodeAt(0);

/** The digits after `name ` at the beginning of a line. */
function digitsOf(text: FileText, name: string): string | undefined {
  if (text === undefined) return undefined;
  const key = `${name} `;
  const line = text.startsWith(key) ? 0 : text.indexOf(`\n${key}`) + 1;
  if (line === 0 && !text.startsWith(key)) return undefined;
  const start = line + key.length;
  const end = digitsEnd(text, start);
  return end === start ? undefined : text.slice(start, end);
}

/** Where the digits that begin at `start` end. */
function digitsEnd(text: string, start: number): number {
  let end = start;
  for (let code = text.charCodeAt(end); code >= zero && code <= nine; code = text.charCodeAt(end)) end++;
  return end;
}

/** The number of a line `name 123` of a flat keyed file (kernel: cgroup-v2, interface files). */
export function fieldOf(text: FileText, name: string): number | undefined {
  const digits = digitsOf(text, name);
  return digits === undefined ? undefined : Number(digits);
}

/** The same, without loss above 2^53. */
export function bigFieldOf(text: FileText, name: string): bigint | undefined {
  const digits = digitsOf(text, name);
  return digits === undefined ? undefined : BigInt(digits);
}

const noPressure: PressureLine = { avg10: 0, avg60: 0, avg300: 0, totalUs: 0n };

/** A pressure file (kernel: accounting/psi). Older kernels have no `full` line for the processor. */
export function pressureOf(text: FileText): Pressure | undefined {
  const some = pressureLineOf(text, "some");
  return some === undefined ? undefined : { some, full: pressureLineOf(text, "full") ?? noPressure };
}

function pressureLineOf(text: FileText, name: string): PressureLine | undefined {
  const line = text?.split("\n").find((one) => one.startsWith(`${name} `));
  const found = /avg10=([0-9.]+) avg60=([0-9.]+) avg300=([0-9.]+) total=([0-9]+)/.exec(line ?? "");
  if (found === null) return undefined;
  const [, avg10, avg60, avg300, total = "0"] = found;
  return { avg10: Number(avg10), avg60: Number(avg60), avg300: Number(avg300), totalUs: BigInt(total) };
}
