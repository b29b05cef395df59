import { accessSync, constants } from "node:fs";
import { Fault } from "../base/fault.ts";
import type { Define } from "./context.ts";
import { findContainer } from "./find.ts";
import { followLog, showLine, statusOf } from "./follow-log.ts";
import { addManual } from "./help/manual.ts";
import { LogFile, type LogLine } from "./log-lines.ts";
import { addConnection, parseCount } from "./options.ts";

interface LogsOptions {
  readonly follow?: boolean;
  readonly tail?: number;
  readonly timestamps?: boolean;
  readonly since?: string;
}

/** `berth logs`: what a container wrote; read from its log file, so that it works while the container is stopped. */
export const defineLogs: Define = (command, context) => {
  addManual(command, {
    description:
      "Shows what a container wrote to its standard output and standard error, each on the stream of the " +
      "same name. It is read from the container's log file, so it works for a container that has ended " +
      "and while the daemon is busy.",
    examples: [
      ["berth logs -f web", "Follow the output until the container ends."],
      ["berth logs --tail 20 -t web", "The last 20 lines, each with its time."],
      [
        'berth logs --since "$(date -d -5min --iso-8601=s)" web',
        "What was written in the last five minutes.",
      ],
    ],
  });
  addConnection(command)
    .argument("<container>", "id, prefix of an id, or name")
    .option("-f, --follow", "go on with what is written, until the container ends")
    .option("--tail <lines>", "only the last lines", parseCount)
    .option("-t, --timestamps", "show the time of each line")
    .option("--since <time>", "only what was written after this time (RFC 3339)")
    .action(async (id: string, options: LogsOptions) => {
      const runtime = await context.connect(command);
      const container = await findContainer(runtime, id);
      const logPath = (await statusOf(runtime, container.id))?.logPath ?? "";
      checkReadable(logPath, id);
      const show = (line: LogLine) => {
        if (isAfter(line, options.since)) showLine(line, options.timestamps === true);
      };
      const before = lastLines(logPath, options.tail);
      for (const line of before.lines) show(line);
      if (!options.follow) return;
      let seen = 0;
      for await (const line of followLog(runtime, container.id, logPath, context.interrupted())) {
        if (++seen > before.total) show(line);
      }
    });
};

function checkReadable(logPath: string, id: string): void {
  if (logPath === "") {
    throw new Fault("notFound", `container ${id} has no log`, {
      hint: "its pod was made without a log directory",
    });
  }
  try {
    accessSync(logPath, constants.R_OK);
  } catch (error) {
    throw new Fault("notFound", `reading the log of container ${id}`, { cause: error });
  }
}

function lastLines(logPath: string, tail: number | undefined): { lines: LogLine[]; total: number } {
  using file = new LogFile(logPath);
  const lines: LogLine[] = [];
  let total = 0;
  for (const line of file.read()) {
    total += 1;
    lines.push(line);
    // Cut now and then, not at each line: a log may be long.
    if (tail !== undefined && lines.length > 2 * tail + 1024) lines.splice(0, lines.length - tail);
  }
  return { lines: tail === undefined ? lines : lines.slice(Math.max(0, lines.length - tail)), total };
}

function isAfter(line: LogLine, since: string | undefined): boolean {
  return since === undefined || Date.parse(line.at) >= Date.parse(since);
}
