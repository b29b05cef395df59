import type { Cell } from "./table.ts";
import type { Style } from "./terminal.ts";

const styles: Readonly<Record<string, Style>> = {
  Running: "green",
  Ready: "green",
  yes: "green",
  ok: "green",
  Created: "cyan",
  warning: "yellow",
  Exited: "dim",
  NotReady: "yellow",
  Unknown: "red",
  no: "red",
  failed: "red",
};

/** A word that says how something is, for a table: good ones are green, bad ones red. */
export function stateCell(word: string): Cell {
  return { text: word, style: styles[word] };
}
