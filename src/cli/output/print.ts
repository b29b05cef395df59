import { yaml } from "./yaml.ts";

/** How a command shows its result. */
export type OutputFormat = "table" | "json" | "yaml";

/**
 * Writes data to standard output: as the table that `asTable` makes, or the whole of it as JSON or YAML. 64-bit
 * numbers are strings there, bytes are base64, as the JSON form of protocol buffers has it.
 */
export function print(format: OutputFormat, data: unknown, asTable: () => string): void {
  process.stdout.write(format === "table" ? asTable() : documentOf(format, data));
}

/** Data as JSON or YAML; with an `indent` of 0, JSON is one line. */
export function documentOf(format: "json" | "yaml", data: unknown, indent = 2): string {
  const text = JSON.stringify(data, plainValue, indent);
  return format === "json" ? `${text}\n` : yaml(JSON.parse(text));
}

function plainValue(this: unknown, key: string, value: unknown): unknown {
  const raw = (this as Record<string, unknown>)[key];
  if (typeof raw === "bigint") return raw.toString();
  if (raw instanceof Uint8Array) return Buffer.from(raw).toString("base64");
  if (raw instanceof Map) return Object.fromEntries(raw);
  return value;
}
