import { type Command, InvalidArgumentError, Option } from "commander";
import type { Bytes, Ms } from "../base/units.ts";
import type { OutputFormat } from "./output/print.ts";

/** The options of every command that talks to a runtime. */
export function addConnection(command: Command): Command {
  return command
    .option("--endpoint <socket>", "socket of the runtime, which may be any that speaks the CRI")
    .option("--config <file>", "berth's configuration file, which names the socket of its daemon");
}

export function addOutput(command: Command): Command {
  return command.addOption(
    new Option("-o, --output <format>", "how the result is shown")
      .choices(["table", "json", "yaml"])
      .default("table"),
  );
}

/** What `addOutput` adds. */
export interface OutputOptions {
  readonly output: OutputFormat;
}

/** Collects the values of an option that may be repeated. */
export function repeated(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** `key=value` pairs of repeated options. @throws {InvalidArgumentError} for one without `=` */
export function pairs(values: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    values.map((value) => {
      const at = value.indexOf("=");
      if (at <= 0) throw new InvalidArgumentError(`"${value}" is not of the form key=value`);
      return [value.slice(0, at), value.slice(at + 1)];
    }),
  );
}

const sizeUnits: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
};

/** `64m`, `1.5g`, `4096`: bytes, binary units as docker's --memory. @throws {InvalidArgumentError} */
export function parseSize(text: string): Bytes {
  const match = /^(\d+(?:\.\d+)?)([bkmgt]?)(?:i?b)?$/i.exec(text);
  const unit = sizeUnits[match?.[2]?.toLowerCase() ?? ""];
  if (match === null || unit === undefined)
    throw new InvalidArgumentError("a size is a number with k, m, g or t");
  return Math.round(Number(match[1]) * unit);
}

/** What stands for "no limit" on the wire. */
export const unlimited = -1;

/** A parser that takes `none`, for no limit, beside what `parse` takes. */
export function orNone(parse: (text: string) => number): (text: string) => number {
  return (text) => (text === "none" ? unlimited : parse(text));
}

const timeUnits: Readonly<Record<string, Ms>> = { ms: 1, "": 1000, s: 1000, m: 60_000, h: 3_600_000 };

/** `500ms`, `10s`, `2m`; a bare number is seconds. @throws {InvalidArgumentError} */
export function parseDuration(text: string): Ms {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (match === null) throw new InvalidArgumentError("a duration is a number with ms, s, m or h");
  return Math.round(Number(match[1]) * (timeUnits[match[2] ?? ""] ?? 1000));
}

/** A whole number from 0 up. @throws {InvalidArgumentError} */
export function parseCount(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("must be a whole number");
  return Number(text);
}

/** A number above 0. @throws {InvalidArgumentError} */
export function parseAmount(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("must be a number above 0");
  return value;
}
