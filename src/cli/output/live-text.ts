import type { OutputStream } from "./terminal.ts";

/** A terminal whose lines can be drawn again: standard output or standard error. */
export interface LiveStream extends OutputStream {
  readonly rows?: number;
  write(text: string): unknown;
}

/** Without the cursor, and with lines that end at the edge instead of going on below, where they could not be found. */
const begin = "\u001b[?25l\u001b[?7l";
const end = "\u001b[?7h\u001b[?25h";
const clearLineEnd = "\u001b[K";
const clearBelow = "\u001b[J";

/** Lines on a terminal that are drawn again in the same place (ECMA-48). The terminal is as before once this is disposed of. */
export class LiveText implements Disposable {
  readonly #stream: LiveStream;
  /** Lines that are there now, above the cursor. */
  #shown = 0;
  readonly #restore = () => void this.#stream.write(end);

  constructor(stream: LiveStream) {
    this.#stream = stream;
    // Whatever ends the process: a terminal left like this is a nuisance.
    process.once("exit", this.#restore);
    stream.write(begin);
  }

  /** How many lines fit, with one left for what comes after. */
  get room(): number {
    return Math.max(2, (this.#stream.rows ?? 24) - 1);
  }

  /** Draws these lines in the place of those before; lines beyond the terminal's height are left out. */
  draw(lines: readonly string[]): void {
    const fit = lines.slice(0, this.room);
    const up = this.#shown === 0 ? "" : `\u001b[${this.#shown}A\r`;
    this.#stream.write(`${up}${fit.map((line) => `${line}${clearLineEnd}\n`).join("")}${clearBelow}`);
    this.#shown = fit.length;
  }

  [Symbol.dispose](): void {
    process.off("exit", this.#restore);
    this.#restore();
  }
}
