import * as v from "valibot";
import { Fault } from "../base/fault.ts";
import { schemaIssue } from "./schema-issue.ts";

/** A text; the kernel, which takes many of them, ends one at a NUL byte. */
export const text = v.pipe(v.string(), v.regex(/^[^\0]*$/, "holds a NUL byte"));
/** Texts by texts. */
export const textMap = v.record(text, text);
/** Go writes what is empty as null. */
export const optionalText = v.pipe(
  v.nullish(text),
  v.transform((value) => (value === null || value === "" ? undefined : value)),
);

/** @throws {Fault} corrupt, naming `what` and the first field that is wrong */
export function parseAs<T>(schema: v.GenericSchema<unknown, T>, value: unknown, what: string): T {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  throw new Fault("corrupt", `${what} is malformed: ${schemaIssue(result.issues)}`);
}

/** @throws {Fault} corrupt, naming `what` */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new Fault("corrupt", `${what} is not JSON in UTF-8`, { cause });
  }
}
