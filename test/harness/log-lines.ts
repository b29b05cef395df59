import { readFileSync } from "node:fs";
import type { TestDaemon } from "./daemon.ts";

export type LogLine = Readonly<Record<string, unknown>>;

/** The daemon's log so far, that of earlier processes too, as far as it is JSON. */
export function logLines(daemon: TestDaemon): LogLine[] {
  const lines = readFileSync(daemon.logFile, "utf8").split("\n").slice(0, -1);
  return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as LogLine);
}
