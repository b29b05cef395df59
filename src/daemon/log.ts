import pino, { type Logger } from "pino";
import { currentCall } from "../base/current-call.ts";
import { describeFault } from "../base/fault.ts";
import type { StepTime } from "../base/steps.ts";
import type { Ms } from "../base/units.ts";
import type { Config } from "../config/schema.ts";

/**
 * The daemon's log, on standard output: a JSON object a line, or a line for a person. Errors tell their whole story, and
 * what was done for a call of the API names it (docs/logging.md).
 */
export function openLog(config: Config["log"]): Logger {
  const options = {
    level: config.level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    mixin: () => ({ ...currentCall() }),
    serializers: {
      err: (error: unknown) => describeFault(error),
      ms: rounded,
      outside: rounded,
      timeline: roundedSteps,
    },
  };
  if (config.format === "json") return pino(options);
  return pino(options, { write: (line) => void process.stdout.write(asText(line)) });
}

/** Milliseconds, to the tenth. */
function rounded(ms: Ms): Ms {
  return Math.round(ms * 10) / 10;
}

function roundedSteps(timeline: readonly StepTime[]): StepTime[] {
  return timeline.map(({ step, ms, outside }) => {
    return { step, ms: rounded(ms), ...(outside === undefined ? {} : { outside: rounded(outside) }) };
  });
}

function asText(line: string): string {
  const { time, level, msg, pid: _pid, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const fields = Object.entries(rest).map(([name, value]) => {
    return `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`;
  });
  return `${time} ${String(level).toUpperCase().padEnd(5)} ${[msg, ...fields].join("  ")}\n`;
}
