/** A line of the log, as it was when it was JSON. */
export interface LogLine {
  readonly level: string;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

/** `name=value` for each field. */
export function fieldsAsText(fields: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(fields).map(([name, value]) => `${name}=${valueAsText(value)}`);
}

/** Texts as they are, all else as JSON. */
export function valueAsText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
