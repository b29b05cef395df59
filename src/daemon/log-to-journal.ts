import type { JournalFields } from "../linux/journal.ts";
import { fieldsAsText, type LogLine, valueAsText } from "./log-line.ts";

/** syslog(3)'s numbers. */
const priorities: Readonly<Record<string, number>> = { error: 3, warn: 4, info: 6, debug: 7, trace: 7 };

/** In an entry of its own they are fields only: its message is for a person, who reads the rest as `MESSAGE`. */
const notInMessage = new Set(["operation", "call", "kind", "outside", "timeline"]);

/**
 * A line of the log as an entry of the journal: the message with what a person wants to know along with it, and each field
 * under its own name, `container` as BERTH_CONTAINER, `imageId` as BERTH_IMAGE_ID. The journal itself knows when, and which
 * process.
 */
export function journalFields({ level, msg = "", time: _time, pid: _pid, ...rest }: LogLine): JournalFields {
  const fields = Object.entries(rest).filter(([, value]) => value !== undefined);
  const shown = Object.fromEntries(fields.filter(([name]) => !notInMessage.has(name)));
  return {
    MESSAGE: [msg, ...fieldsAsText(shown)].join("  "),
    PRIORITY: String(priorities[level] ?? priorities.info),
    SYSLOG_IDENTIFIER: "berth",
    BERTH_LEVEL: level,
    ...Object.fromEntries(fields.map(([name, value]) => [fieldName(name), valueAsText(value)])),
  };
}

/** Of capitals, digits and underscores, at most 64 of them (systemd.journal-fields(7)). */
function fieldName(name: string): string {
  const words = name.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").replaceAll(/[^A-Za-z0-9]+/g, "_");
  return `BERTH_${words.toUpperCase()}`.slice(0, 64);
}
