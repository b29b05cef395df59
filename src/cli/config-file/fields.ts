import { Fault } from "../../base/fault.ts";
import { nearest, sameName } from "../../base/nearest.ts";

/** Makes a field's value of what a file says. `at` is the field's path, for errors. @throws {Fault} invalid */
export type Reader<T> = (value: unknown, at: string) => T;

/** A reader for each field of a message, by the name that the generated code gives it. */
export type Fields<Message> = { readonly [Name in keyof Message]-?: Reader<Message[Name]> };

/** What makes a message whole: the generated constant of its name. */
export interface Codec<Message> {
  // biome-ignore lint/suspicious/noExplicitAny: the generated `create` takes any deeper part of the message
  create(part?: any): Message;
}

function wrong(at: string, wanted: string, value: unknown): Fault {
  const shown = JSON.stringify(value)?.slice(0, 60) ?? String(value);
  return new Fault("invalid", `${at}: ${shown} is not ${wanted}`);
}

export const text: Reader<string> = (value, at) => {
  if (typeof value !== "string") throw wrong(at, "a text", value);
  return value;
};

export const flag: Reader<boolean> = (value, at) => {
  if (typeof value !== "boolean") throw wrong(at, "true or false", value);
  return value;
};

export const whole: Reader<number> = (value, at) => {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw wrong(at, "a whole number", value);
  return value;
};

/** 64 bits: a number, or digits in quotes as the JSON form of protocol buffers has them. */
export const long: Reader<bigint> = (value, at) => {
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === "string" && /^-?\d+$/.test(value)) return BigInt(value);
  throw wrong(at, "a whole number", value);
};

/** Plain text, as crictl's files have it for the values of variables. */
export const bytes: Reader<Uint8Array> = (value, at) => Buffer.from(text(value, at));

export const texts: Reader<{ [key: string]: string }> = (value, at) =>
  Object.fromEntries(
    Object.entries(object(value, at)).map(([key, field]) => [key, text(field, `${at}.${key}`)]),
  );

export function list<T>(of: Reader<T>): Reader<T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw wrong(at, "a list", value);
    return value.map((item, index) => of(item, `${at}[${index}]`));
  };
}

/** One of an enumeration, by its number or by its name. */
export function oneOf<T extends number>(names: Readonly<Record<string, T>>): Reader<T> {
  return (value, at) => {
    const found = Object.entries(names).find(
      ([name, number]) => value === number || (typeof value === "string" && sameName(name, value)),
    );
    if (found === undefined) throw wrong(at, `one of ${Object.keys(names).join(", ")}`, value);
    return found[1];
  };
}

/** What berth has no use for: any value is taken, and left out. */
export const ignored: Reader<undefined> = () => undefined;

/** An object with these fields, each of which may be missing or null; their names as in the CRI's files or in JSON. */
export function message<Message>(codec: Codec<Message>, fields: Fields<Message>): Reader<Message> {
  return (value, at) => {
    const part: Record<string, unknown> = {};
    for (const [key, field] of Object.entries(object(value, at))) {
      const name = Object.keys(fields).find((known) => sameName(known, key));
      if (name === undefined) throw unknownField(at, key, Object.keys(fields));
      if (field === null) continue;
      part[name] = fields[name as keyof Message](field, at === "" ? key : `${at}.${key}`);
    }
    return codec.create(part);
  };
}

function object(value: unknown, at: string): object {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(at === "" ? "the file" : at, "an object", value);
  return value;
}

function unknownField(at: string, key: string, known: readonly string[]): Fault {
  const guess = nearest(key, known);
  return new Fault("invalid", `${at === "" ? "" : `${at}: `}there is no field "${key}"`, {
    hint: guess === undefined ? `there are ${known.join(", ")}` : `did you mean ${snake(guess)}?`,
  });
}

/** The spelling of the CRI's files: `logDirectory` is `log_directory`. */
function snake(name: string): string {
  return name.replaceAll(/[A-Z]+/g, (capitals) => `_${capitals.toLowerCase()}`).replace(/^_/, "");
}
