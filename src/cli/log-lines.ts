import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import type { Bytes } from "../base/units.ts";

/** One entry of a container's log (Kubernetes' logging format of the CRI). */
export interface LogLine {
  /** RFC 3339 with nanoseconds. */
  readonly at: string;
  readonly stream: "stdout" | "stderr";
  /** With its line end, unless the entry is a part of a longer line. */
  readonly text: string;
}

const chunk: Bytes = 256 << 10;

/** Parses `<time> <stream> <tags> <text>`; undefined for what is not of this form. */
export function parseLogLine(line: string): LogLine | undefined {
  const match = /^(\S+) (stdout|stderr) (\S+) (.*)$/s.exec(line);
  if (match === null) return undefined;
  const [, at = "", stream, tags = "", text = ""] = match;
  const isPart = tags.split(":")[0] === "P";
  return { at, stream: stream === "stderr" ? "stderr" : "stdout", text: isPart ? text : `${text}\n` };
}

/** Reads a log that grows, and that may be renamed away and begun anew meanwhile. */
export class LogFile implements Disposable {
  readonly #path: string;
  #fd: number | undefined;
  #inode = 0;
  #offset = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(path: string) {
    this.#path = path;
  }

  /** What was written since the last call. */
  *read(): Generator<LogLine> {
    yield* this.#readOpen();
    while (this.#reopen()) yield* this.#readOpen();
  }

  /** True when another file now has the path: the one that is open was rotated away. */
  #reopen(): boolean {
    const there = statSync(this.#path, { throwIfNoEntry: false });
    if (there === undefined) return false;
    const isSame = this.#fd !== undefined && there.ino === this.#inode && there.size >= this.#offset;
    if (isSame) return false;
    this[Symbol.dispose]();
    this.#fd = openSync(this.#path, "r");
    this.#inode = fstatSync(this.#fd).ino;
    this.#offset = 0;
    this.#rest = Buffer.alloc(0);
    return true;
  }

  *#readOpen(): Generator<LogLine> {
    if (this.#fd === undefined) return;
    const buffer = Buffer.allocUnsafe(chunk);
    for (;;) {
      const count = readSync(this.#fd, buffer, 0, chunk, this.#offset);
      if (count === 0) return;
      this.#offset += count;
      yield* this.#lines(buffer.subarray(0, count));
    }
  }

  *#lines(data: Buffer): Generator<LogLine> {
    const all = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    let start = 0;
    for (let end = all.indexOf(10); end !== -1; end = all.indexOf(10, start)) {
      const line = parseLogLine(all.toString("utf8", start, end));
      start = end + 1;
      if (line !== undefined) yield line;
    }
    this.#rest = Buffer.from(all.subarray(start));
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
