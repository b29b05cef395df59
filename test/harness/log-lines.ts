import { readFileSync } from "node:fs";
import type { TestDaemon } from "./daemon.ts";
import { eventually } from "./pods.ts";

export type LogLine = Readonly<Record<string, unknown>>;

/** The daemon's log so far, that of earlier processes too, as far as it is JSON. */
export function logLines(daemon: TestDaemon): LogLine[] {
  const lines = readFileSync(daemon.logFile, "utf8").split("\n").slice(0, -1);
  return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as LogLine);
}

/** Where this process of the daemon says that it serves metrics. */
export function metricsAddress(daemon: TestDaemon): Promise<string> {
  return eventually("metrics to be served", 10_000, async () => {
    const line = logLines(daemon).findLast(
      ({ msg, pid }) => msg === "metrics are served" && pid === daemon.pid,
    );
    return line === undefined ? undefined : String(line.address);
  });
}
