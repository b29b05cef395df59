import { RegistryOutcome, type RegistryStep } from "../../wire/gen/berth.v1.ts";
import { printable } from "../output/table.ts";
import { paint, type Style, type Terminal, terminalOf } from "../output/terminal.ts";

const outcomes: Readonly<Record<RegistryOutcome, readonly [word: string, style: Style]>> = {
  [RegistryOutcome.REGISTRY_OK]: ["ok", "green"],
  [RegistryOutcome.REGISTRY_FAILED]: ["failed", "red"],
  [RegistryOutcome.REGISTRY_SKIPPED]: ["skipped", "dim"],
  [RegistryOutcome.REGISTRY_NOTE]: ["note", "yellow"],
};
const nameWidth = "connection".length;
const wordWidth = "skipped".length;

/** One step for people: its name, how it went, what it says; what to do about it below. A host begins a paragraph. */
export function stepText(
  step: RegistryStep,
  before: RegistryStep | undefined,
  terminal: Pick<Terminal, "colours"> = terminalOf(process.stdout),
): string {
  const { name, host, outcome, tookNanos, hint } = step;
  const [word, style] = outcomes[outcome];
  const [first = "", ...more] = step.text.split("\n").map(printable);
  if (name === "host") {
    const shown = outcome === RegistryOutcome.REGISTRY_OK ? first : paint(style, first, terminal);
    return `\n${paint("bold", shown, terminal)}\n`;
  }
  const indent = host === "" ? "" : "  ";
  const margin = `${indent}${" ".repeat(nameWidth + wordWidth + 4)}`;
  const took =
    tookNanos === 0n || host === ""
      ? ""
      : paint("dim", ` (${(Number(tookNanos) / 1e6).toFixed(0)} ms)`, terminal);
  const head = `${indent}${name.padEnd(nameWidth)}  ${paint(style, word, terminal)}${" ".repeat(wordWidth - word.length)}`;
  const lines = [`${head}  ${first}${took}`, ...more.map((line) => `${margin}${line}`)];
  if (hint !== "") lines.push(`${margin}${paint("bold", "do:", terminal)} ${printable(hint)}`);
  const gap = host === "" && (before?.host ?? "") !== "" ? "\n" : "";
  return `${gap}${lines.join("\n")}\n`;
}
