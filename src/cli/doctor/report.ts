import { printable } from "../output/table.ts";
import { paint, type Style, type Terminal, terminalOf } from "../output/terminal.ts";
import type { Finding, Severity } from "./finding.ts";
import type { CheckResult } from "./run-checks.ts";

const styles: Readonly<Record<Severity, Style>> = {
  ok: "green",
  note: "cyan",
  warning: "yellow",
  problem: "red",
};
const nameWidth = "problem".length;

type Counts = Readonly<Record<Severity, number>>;

export function countSeverities(results: readonly CheckResult[]): Counts {
  const all = results.flatMap(({ findings }) => findings);
  const count = (severity: Severity) => all.filter((finding) => finding.severity === severity).length;
  return { ok: count("ok"), note: count("note"), warning: count("warning"), problem: count("problem") };
}

/**
 * The report for people: a line for each finding below its check's name; then warnings and problems again, numbered, with
 * their reason and what to do, the worst last, where the eye is; then the sum. Lines are not broken to fit a terminal:
 * it breaks them itself, and a command that is copied stays whole.
 */
export function reportText(
  results: readonly CheckResult[],
  terminal: Pick<Terminal, "colours"> = terminalOf(process.stdout),
): string {
  const sections = results.map(({ check, findings }) =>
    [paint("bold", check, terminal), ...findings.map((finding) => findingLine(finding, terminal))].join("\n"),
  );
  const toDo = [...advice(results, "warning", terminal), ...advice(results, "problem", terminal)].map(
    (text, index) => `${String(index + 1).padStart(2)}. ${text}`,
  );
  const heading = toDo.length === 0 ? [] : [[paint("bold", "What to do:", terminal), ...toDo].join("\n\n")];
  return `${[...sections, ...heading, sum(countSeverities(results))].join("\n\n")}\n`;
}

/** Notes come with their reason at once: they are not told again. */
function findingLine({ severity, what, why, remedy }: Finding, terminal: Pick<Terminal, "colours">): string {
  const word = paint(styles[severity], severity, terminal) + " ".repeat(nameWidth - severity.length);
  const line = `  ${word}  ${printable(what)}`;
  const more = [why, remedy].filter((text) => text !== "").map(printable);
  if (severity !== "note" || more.length === 0) return line;
  return `${line}\n  ${" ".repeat(nameWidth)}  ${paint("dim", more.join("; "), terminal)}`;
}

function advice(
  results: readonly CheckResult[],
  severity: Severity,
  terminal: Pick<Terminal, "colours">,
): string[] {
  return results.flatMap(({ check, findings }) =>
    findings
      .filter((finding) => finding.severity === severity)
      .map(({ what, why, remedy }) =>
        [
          `${paint(styles[severity], severity, terminal)}, ${check}: ${printable(what)}`,
          ...(why === "" ? [] : [`    why: ${printable(why)}`]),
          ...(remedy === "" ? [] : [`    do:  ${printable(remedy)}`]),
        ].join("\n"),
      ),
  );
}

function sum(counts: Counts): string {
  const parts = (["problem", "warning", "note"] as const).map((severity) =>
    counted(counts[severity], severity),
  );
  return `${parts.join(", ")}, ${counts.ok} ok`;
}

function counted(count: number, what: string): string {
  return `${count === 0 ? "no" : count} ${what}${count === 1 ? "" : "s"}`;
}
