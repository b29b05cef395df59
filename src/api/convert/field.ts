import { Fault } from "../../base/fault.ts";
import { limitNumber } from "../../base/limit.ts";

/** Says what is wrong with a field of the request; `field` is its path in the names of the CRI, as in `config.metadata.name`. */
export function wrongField(field: string, problem: string): Fault {
  return new Fault("invalid", `${field}: ${problem}`);
}

/** The message in a field that has to be there. @throws {Fault} invalid */
export function requireMessage<T>(value: T | undefined, field: string): T {
  if (value === undefined) throw wrongField(field, "missing");
  return value;
}

/** The text in a field that has to be there. @throws {Fault} invalid */
export function requireText(value: string, field: string): string {
  if (value === "") throw wrongField(field, "missing");
  return value;
}

/**
 * A path that has to be there and be absolute.
 *
 * @throws {Fault} invalid
 */
export function requireAbsolutePath(value: string, field: string): string {
  requireText(value, field);
  if (!value.startsWith("/")) throw wrongField(field, `"${value}" is not an absolute path`);
  return value;
}

/**
 * A path that stays below the directory it is joined to; empty stays empty.
 *
 * @throws {Fault} invalid
 */
export function checkPathBelow(value: string, field: string): string {
  if (value.startsWith("/")) throw wrongField(field, `"${value}" is not a relative path`);
  if (value.split("/").includes("..")) throw wrongField(field, `"${value}" leads outside`);
  return value;
}

/**
 * A 64-bit number of the wire that is within a range.
 *
 * @throws {Fault} invalid
 */
export function numberWithin(value: bigint | number, field: string, lowest: number, highest: number): number {
  const number = Number(value);
  if (number < lowest || number > highest) {
    throw wrongField(field, `${value} is not between ${lowest} and ${highest}`);
  }
  return number;
}

/**
 * A limit of the wire, at least -1 (none). One that no machine reaches is the largest that a number holds.
 *
 * @throws {Fault} invalid
 */
export function limitFrom(value: bigint, field: string): number {
  if (value < -1n) throw wrongField(field, `${value} is neither a limit nor -1`);
  return limitNumber(value);
}

/**
 * The meaning of an enum's number.
 *
 * @throws {Fault} invalid for a number that is not in `meanings`
 */
export function enumFrom<T>(value: number, field: string, meanings: Readonly<Record<number, T>>): T {
  const meaning = meanings[value];
  if (meaning === undefined) throw wrongField(field, `${value} is not a value of this field`);
  return meaning;
}

/**
 * Refuses NUL bytes, which would cut short whatever reaches the kernel, anywhere in a request.
 *
 * @throws {Fault} invalid
 */
export function refuseNul(value: unknown, field: string): void {
  if (typeof value === "string") {
    if (value.includes("\0")) throw wrongField(field, "holds a NUL byte");
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) refuseNul(item, `${field}[${index}]`);
  } else if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    for (const [key, item] of Object.entries(value)) {
      if (key.includes("\0")) throw wrongField(field, "holds a NUL byte");
      refuseNul(item, `${field}.${inWireCase(key)}`);
    }
  }
}

/** `runAsUser` is `run_as_user` on the wire. Keys of maps that look like names of fields come out changed, too. */
function inWireCase(key: string): string {
  return /^[a-z]+([A-Z][a-z]*)+$/.test(key) ? key.replace(/[A-Z]/g, (at) => `_${at.toLowerCase()}`) : key;
}
