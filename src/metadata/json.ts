import { Fault } from "../base/fault.ts";

/**
 * What marks a string in stored JSON as not being an ordinary string: a bigint's digits follow it. An
 * ordinary string that begins with it is stored with the mark doubled, so that no label or annotation can
 * pose as a number.
 */
const mark = "\u0001";

/**
 * A record as JSON text. Bigints are kept; everything else must be plain data.
 *
 * @throws {Fault} internal for what JSON would silently change (class instances, NaN, functions)
 */
export function encodeRecord(value: unknown): string {
  const text = JSON.stringify(value, encodeValue);
  if (text === undefined) throw new Fault("internal", "a record must be plain data, not undefined");
  return text;
}

/** What `encodeRecord` wrote, bigints restored. @throws {SyntaxError} when the text is not such JSON */
export function decodeRecord(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // not by JSON.parse's own way of replacing values: that takes eight times as long, a second for 5,000 containers
  return text.includes("\\u0001") ? restored(value) : value;
}

/** The value with its marked strings replaced, in place: nobody else has it. */
function restored(value: unknown): unknown {
  if (typeof value === "string") return value.startsWith(mark) ? unmarked(value) : value;
  if (typeof value !== "object" || value === null) return value;
  const fields = value as Record<string, unknown>;
  for (const key in fields) {
    const before = fields[key];
    const after = restored(before);
    if (after === before) continue;
    // an assignment to this one would change the prototype
    if (key === "__proto__") Object.defineProperty(fields, key, { value: after });
    else fields[key] = after;
  }
  return value;
}

function encodeValue(this: unknown, key: string, encoded: unknown): unknown {
  // Not `encoded`: what has a toJSON (a Date) has turned into a string there.
  const value = (this as Record<string, unknown>)[key];
  switch (typeof value) {
    case "bigint":
      return `${mark}${value}`;
    case "string":
      return value.startsWith(mark) ? mark + value : value;
    case "number":
      if (Number.isFinite(value)) return value;
      break;
    case "object":
      if (isPlain(value)) return encoded;
      break;
    case "boolean":
    case "undefined":
      return value;
  }
  throw new Fault("internal", `a record must be plain data: field "${key}" holds ${describe(value)}`);
}

function unmarked(value: string): unknown {
  const rest = value.slice(mark.length);
  if (rest.startsWith(mark)) return rest;
  if (!/^-?\d+$/.test(rest)) throw new SyntaxError(`"${rest}" is marked as a bigint and is none`);
  return BigInt(rest);
}

function isPlain(value: object | null): boolean {
  if (value === null || Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function describe(value: unknown): string {
  return typeof value === "object" && value !== null ? `a ${value.constructor.name}` : String(value);
}
