import pino, { type Logger } from "pino";
import { describeFault } from "../base/fault.ts";
import type { Config } from "../config/schema.ts";

/** The daemon's log, on standard output: a JSON object a line, or a line for a person. Errors tell their whole story. */
export function openLog(config: Config["log"]): Logger {
  const options = {
    level: config.level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: (error: unknown) => describeFault(error) },
  };
  if (config.format === "json") return pino(options);
  return pino(options, { write: (line) => void process.stdout.write(asText(line)) });
}

function asText(line: string): string {
  const { time, level, msg, pid: _pid, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const fields = Object.entries(rest).map(([name, value]) => {
    return `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`;
  });
  return `${time} ${String(level).toUpperCase().padEnd(5)} ${[msg, ...fields].join("  ")}\n`;
}
