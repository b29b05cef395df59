import { CommanderError, InvalidArgumentError } from "commander";
import { describeFault, isFault } from "../base/fault.ts";
import { isJournalStream } from "../linux/journal-stream.ts";
import { exitCodes } from "./exit-codes.ts";
import { printable } from "./output/table.ts";
import { paint, terminalOf } from "./output/terminal.ts";
import { UsageError } from "./usage-error.ts";

/** Says on standard error why the command failed, unless commander has. @returns the exit code for it */
export function tellFailure(error: unknown): number {
  const isOwnUsage = error instanceof UsageError || error instanceof InvalidArgumentError;
  if (error instanceof CommanderError && !isOwnUsage) return error.exitCode === 0 ? 0 : exitCodes.usage;
  process.stderr.write(forJournal(`${complaint(describeFault(error))}\n`));
  if (isOwnUsage) return exitCodes.usage;
  if (isFault(error, "unavailable")) return exitCodes.unreachable;
  return isFault(error, "notFound") ? exitCodes.notFound : exitCodes.failed;
}

/** As errors, where standard error leads to the journal: a daemon that can't start is found by `journalctl -p err`. */
function forJournal(text: string): string {
  return isJournalStream(2, process.env) ? text.replaceAll(/^/gm, "<3>").replace(/<3>$/, "") : text;
}

/** A message of the command's own, for standard error. */
export function complaint(text: string): string {
  const story = text.split("\n").map(printable).join("\n");
  return `${paint("red", "berth:", terminalOf(process.stderr))} ${story}`;
}
