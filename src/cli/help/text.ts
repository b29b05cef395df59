import { paint, type Terminal } from "../output/terminal.ts";

/** Wide enough for options, narrow enough to be read. */
const widestText = 96;
const usualWidth = 80;
const margin = 4;

/** Lays out a page of help in the manner of man(1): headings at the margin, the rest indented. */
export class Page {
  readonly #terminal: Terminal;
  readonly #width: number;
  readonly #sections: string[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#width = Math.min(terminal.columns ?? usualWidth, widestText);
  }

  /** A heading and the text below it; nothing where there is no text. */
  section(heading: string, text: string): this {
    if (text !== "") this.#sections.push(`${paint("bold", heading, this.#terminal)}\n${text}`);
    return this;
  }

  /** Paragraphs, parted by empty lines. */
  prose(text: string): string {
    if (text === "") return "";
    return text
      .split("\n\n")
      .map((paragraph) => this.#wrap(paragraph, margin))
      .join("\n\n");
  }

  /** Terms and what they mean in two columns; a term that is too long has its meaning on the next line. */
  terms(terms: readonly (readonly [term: string, meaning: string])[]): string {
    const fit = terms.map(([term]) => term.length).filter((length) => length <= 26);
    const column = margin + Math.max(0, ...fit) + 2;
    return terms
      .map(([term, meaning]) => {
        const body = this.#wrap(meaning, column);
        const head = " ".repeat(margin) + paint("bold", term, this.#terminal);
        if (meaning === "") return head;
        if (margin + term.length + 2 > column) return `${head}\n${body}`;
        return head + " ".repeat(column - margin - term.length) + body.trimStart();
      })
      .join("\n");
  }

  /** Command lines, each with what it does below it. */
  examples(examples: readonly (readonly [line: string, what: string])[]): string {
    return examples
      .map(([line, what]) => `${this.#wrap(what, margin)}\n${" ".repeat(margin + 2)}${line}`)
      .join("\n\n");
  }

  toString(): string {
    return `${this.#sections.join("\n\n")}\n`;
  }

  #wrap(text: string, indent: number): string {
    const room = Math.max(24, this.#width - indent);
    const lines: string[] = [];
    let line = "";
    for (const word of text.split(/\s+/)) {
      if (line !== "" && line.length + 1 + word.length > room) {
        lines.push(line);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    return [...lines, line].map((at) => " ".repeat(indent) + at).join("\n");
  }
}
