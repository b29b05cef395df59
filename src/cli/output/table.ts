import { paint, type Style, type Terminal, terminalOf } from "./terminal.ts";

/** A text of a table, in a style where colours are shown. */
export interface Cell {
  readonly text: string;
  readonly style: Style | undefined;
}

/** Columns are not made narrower than this to fit a terminal. */
const narrowest = 12;
const gap = "  ";

/**
 * Rows as aligned columns under a heading, two spaces apart; no trailing spaces. Control characters are shown as `?`.
 * On a terminal the heading is bold and the widest columns are cut until a row fits; anywhere else all is shown.
 */
export function table(
  heading: readonly string[],
  rows: readonly (readonly (string | Cell)[])[],
  terminal: Terminal = terminalOf(process.stdout),
): string {
  const all = [heading.map((text): Cell => ({ text, style: "bold" })), ...rows.map((row) => row.map(asCell))];
  const widest = heading.map((_, column) => Math.max(...all.map((row) => row[column]?.text.length ?? 0)));
  const widths = fitting(widest, terminal.columns);
  const lines = all.map((row) => line(row, widths, terminal));
  return `${lines.join("\n")}\n`;
}

function asCell(cell: string | Cell): Cell {
  return typeof cell === "string"
    ? { text: printable(cell), style: undefined }
    : { text: printable(cell.text), style: cell.style };
}

function line(row: readonly Cell[], widths: readonly number[], terminal: Terminal): string {
  const last = row.findLastIndex(({ text }) => text.trim() !== "");
  return row
    .slice(0, last + 1)
    .map(({ text, style }, column) => {
      const width = widths[column] ?? 0;
      const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text;
      const shown = column === last ? cut.trimEnd() : cut;
      const painted = style === undefined ? shown : paint(style, shown, terminal);
      return column === last ? painted : painted + " ".repeat(width - shown.length);
    })
    .join(gap);
}

/** The widths of columns so that a row has at most `columns` characters, where that can be. */
function fitting(widest: readonly number[], columns: number | undefined): number[] {
  const widths = [...widest];
  if (columns === undefined) return widths;
  const gaps = gap.length * (widths.length - 1);
  let over = widths.reduce((sum, width) => sum + width, gaps) - columns;
  while (over > 0) {
    const most = Math.max(...widths);
    if (most <= narrowest) return [...widest]; // it can't fit: the terminal breaks lines, and nothing is lost
    const next = Math.max(narrowest, ...widths.filter((width) => width < most));
    const at = widths.indexOf(most);
    const less = Math.min(over, Math.max(1, most - next));
    widths[at] = most - less;
    over -= less;
  }
  return widths;
}

/** What came from an image or another program must not steer the terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}
