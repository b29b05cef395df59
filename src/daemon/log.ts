import { existsSync } from "node:fs";
import pino, { type DestinationStream, type Logger } from "pino";
import { currentCall } from "../base/current-call.ts";
import { describeFault, Fault } from "../base/fault.ts";
import type { StepTime } from "../base/steps.ts";
import type { Ms } from "../base/units.ts";
import type { Config } from "../config/schema.ts";
import { Journal, journalSocket } from "../linux/journal.ts";
import { isJournalStream } from "../linux/journal-stream.ts";
import { fieldsAsText, type LogLine } from "./log-line.ts";
import { journalFields } from "./log-to-journal.ts";

/** How long the end of the daemon may wait for the journal to take the last lines. */
const lastLinesMs: Ms = 500;

/**
 * The daemon's log: entries of systemd's journal with fields, or on standard output a JSON object a line, or a line for a
 * person. Errors tell their whole story, and what was done for a call of the API names it (docs/logging.md).
 *
 * @throws {Fault} notFound when the journal is asked for and there is none
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
  if (goesToJournal(config.target)) return pino(options, toJournal());
  if (config.format === "json") return pino(options);
  return pino(options, { write: (line) => void process.stdout.write(asText(line)) });
}

function goesToJournal(target: Config["log"]["target"]): boolean {
  if (target !== "journal") return target === "auto" && isJournalStream(1, process.env);
  if (existsSync(journalSocket)) return true;
  throw new Fault("notFound", `log.target is "journal", but there is no ${journalSocket}`, {
    hint: 'start systemd-journald, or set log.target = "stdout"',
  });
}

function toJournal(): DestinationStream {
  const journal = new Journal((count) =>
    journalFields({ level: "warn", msg: `${count} lines of the log were lost: the journal took none` }),
  );
  process.once("exit", () => journal.flush(lastLinesMs));
  return { write: (line) => journal.write(journalFields(JSON.parse(line))) };
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
  const { time, level, msg, pid: _pid, ...rest }: LogLine = JSON.parse(line);
  return `${time} ${level.toUpperCase().padEnd(5)} ${[msg, ...fieldsAsText(rest)].join("  ")}\n`;
}
