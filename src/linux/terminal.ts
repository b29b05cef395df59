import type { Writable } from "node:stream";
import { Readable } from "node:stream";
import { ReadStream } from "node:tty";
import { check, errnoOf, libc } from "./libc.ts";

const ioctl = libc.func("int ioctl(int fd, unsigned long request, void *argument)");
const TIOCSWINSZ = 0x5414;
/** struct winsize counts in 16 bits. */
const mostCells = 0xffff;

/** In characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** The master side of a terminal. */
export interface Terminal {
  /** What is shown. Ends when the last process that had the terminal is gone. */
  readonly output: Readable;
  /** What is typed. */
  readonly input: Writable;
  /** Does nothing once the terminal is gone. */
  resize(size: TerminalSize): void;
  close(): void;
}

/** Takes over `fd`, the master side. */
export function openTerminal(fd: number): Terminal {
  const stream = new ReadStream(fd);
  stream.on("error", () => undefined); // told by `output`
  return {
    output: Readable.from(shownOn(stream), { objectMode: false }),
    input: stream,
    resize({ columns, rows }) {
      if (stream.destroyed) return;
      const size = Buffer.alloc(8);
      size.writeUInt16LE(Math.min(rows, mostCells), 0);
      size.writeUInt16LE(Math.min(columns, mostCells), 2);
      check(ioctl(fd, TIOCSWINSZ, size), "ioctl", "TIOCSWINSZ");
    },
    close: () => stream.destroy(),
  };
}

async function* shownOn(stream: ReadStream): AsyncGenerator<Buffer> {
  try {
    yield* stream;
  } catch (error) {
    if (errnoOf(error) !== "EIO") throw error; // the kernel's word for the end of a terminal
  }
}
