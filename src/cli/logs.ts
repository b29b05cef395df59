import { accessSync, constants } from "node:fs";
import { basename, dirname, join } from "node:path";
import { InvalidArgumentError, Option } from "commander";
import { Fault } from "../base/fault.ts";
import type { Bytes } from "../base/units.ts";
import type { CommandContext, Define, Runtime } from "./context.ts";
import { findContainer } from "./find.ts";
import { followLog, showLine, statusOf } from "./follow-log.ts";
import { addManual } from "./help/manual.ts";
import { LogFile, type LogLine } from "./log-lines.ts";
import { addConnection, parseCount, parseDuration } from "./options.ts";
import { UsageError } from "./usage-error.ts";

interface LogsOptions {
  readonly follow?: boolean;
  readonly tail?: number;
  readonly timestamps?: boolean;
  readonly since?: Date;
  readonly stream?: "stdout" | "stderr";
  readonly limitBytes?: Bytes;
  readonly previous?: boolean;
  readonly reopen?: boolean;
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
      ["berth logs --since 5m web", "What was written in the last five minutes."],
      ["berth logs -p web", "What the container wrote that this one took the place of."],
    ],
  });
  addConnection(command)
    .argument("<container>", "id, prefix of an id, or name")
    .option("-f, --follow", "go on with what is written, until the container ends")
    .option("--tail <lines>", "only the last lines", parseTail)
    .option("-t, --timestamps", "show the time of each line")
    .option(
      "--since <time>",
      "only what was written after this time, as in 2026-01-02T13:23:37Z, or in this time, as in 42m",
      parseSince,
    )
    .addOption(new Option("-s, --stream <stream>", "only this stream").choices(["stdout", "stderr"]))
    .option("--limit-bytes <bytes>", "end after so many bytes", parseCount)
    .option("-p, --previous", "the log of the attempt before, in a pod of a kubelet")
    .option("-r, --reopen", "only have the runtime open the log file anew, after it was moved away")
    .action(async (id: string, options: LogsOptions) => {
      if (options.follow && options.previous)
        throw new UsageError("--previous has ended: leave --follow out");
      const runtime = await context.connect(command);
      const container = await findContainer(runtime, id);
      if (options.reopen) await runtime.pods.reopenContainerLog({ containerId: container.id });
      else await show(runtime, { id: container.id, name: id }, options, context);
    });
};

async function show(
  runtime: Runtime,
  { id, name }: { id: string; name: string },
  options: LogsOptions,
  context: CommandContext,
): Promise<void> {
  const own = (await statusOf(runtime, id))?.logPath ?? "";
  const logPath = options.previous ? previousLog(own, name) : own;
  checkReadable(logPath, name);
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  const tell = (line: LogLine) => {
    if (!isWanted(line, options) || left <= 0) return;
    showLine(cut(line, left), options.timestamps === true);
    left -= Buffer.byteLength(line.text);
  };
  const before = lastLines(logPath, options.tail);
  for (const line of before.lines) tell(line);
  if (!options.follow) return;
  let seen = 0;
  for await (const line of followLog(runtime, id, logPath, context.interrupted())) {
    if (++seen > before.total) tell(line);
    if (left <= 0) return;
  }
}

/** A kubelet names logs by attempts: `…/web/3.log` comes after `…/web/2.log`. @throws {Fault} notFound */
function previousLog(logPath: string, name: string): string {
  const attempt = /^(\d+)\.log$/.exec(basename(logPath))?.[1];
  if (attempt === undefined || attempt === "0") {
    throw new Fault("notFound", `container ${name} has no attempt before this one`);
  }
  return join(dirname(logPath), `${Number(attempt) - 1}.log`);
}

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

function isWanted(line: LogLine, { since, stream }: LogsOptions): boolean {
  if (stream !== undefined && line.stream !== stream) return false;
  return since === undefined || Date.parse(line.at) >= since.getTime();
}

function cut(line: LogLine, most: Bytes): LogLine {
  const bytes = Buffer.from(line.text);
  return bytes.length <= most ? line : { ...line, text: bytes.subarray(0, most).toString() };
}

/** A number of lines; crictl's -1 and docker's `all` are all of them. @throws {InvalidArgumentError} */
function parseTail(text: string): number {
  return text === "all" || text === "-1" ? Number.POSITIVE_INFINITY : parseCount(text);
}

/** A time, or how long ago it was. @throws {InvalidArgumentError} */
function parseSince(text: string): Date {
  const at = Date.parse(text);
  if (/^\d{4}-/.test(text) && !Number.isNaN(at)) return new Date(at);
  if (/^\d+(\.\d+)?(ms|s|m|h)$/.test(text)) return new Date(Date.now() - parseDuration(text));
  throw new InvalidArgumentError("a time is like 2026-01-02T13:23:37Z, or like 42m for 42 minutes ago");
}
