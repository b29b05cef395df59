import type { Readable, Writable } from "node:stream";
import type { TerminalSize } from "../linux/terminal.ts";
import type { Outcome } from "./outcome.ts";

/** The client's side of a command or an attachment, however it came over the wire. */
export interface Channels {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** Has `take` called with each size of the client's terminal, the first ones that came before included. */
  onResize(take: (size: TerminalSize) => void): void;
  /** Aborts when the client is gone. */
  readonly gone: AbortSignal;
  /** Tells how it ended, and ends the connection once that is sent. */
  finish(outcome: Outcome): Promise<void>;
}

/** The size in a client's message; undefined for anything else. */
export function parseTerminalSize(text: string): TerminalSize | undefined {
  try {
    const { Width: columns, Height: rows } = JSON.parse(text);
    const isCount = (value: unknown) => Number.isInteger(value) && (value as number) >= 0;
    return isCount(columns) && isCount(rows) ? { columns, rows } : undefined;
  } catch {
    return undefined;
  }
}

/** Holds sizes until someone takes them: a client sends its first before the process is there. */
export class Sizes {
  #latest: TerminalSize | undefined;
  #take: ((size: TerminalSize) => void) | undefined;

  add(size: TerminalSize | undefined): void {
    if (size === undefined) return;
    this.#latest = size;
    this.#take?.(size);
  }

  onResize(take: (size: TerminalSize) => void): void {
    this.#take = take;
    if (this.#latest !== undefined) take(this.#latest);
  }
}
