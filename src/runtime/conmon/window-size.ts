import { closeSync, constants, existsSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Ms } from "../../base/units.ts";
import { unreadBytes } from "../../linux/pipe.ts";
import type { TerminalSize } from "../../linux/terminal.ts";

const againMs: Ms = 20;

/**
 * Tells a container's monitor the size of the terminal, by its FIFO: `rows columns`. conmon (2.1) takes of several lines that
 * it reads at once the first again and again: one is written when the one before has been read, the latest. kubectl sends
 * two at once when it attaches, to have the screen drawn anew.
 */
export class WindowSize {
  readonly #fifo: string;
  #latest: TerminalSize | undefined;
  #waits = false;

  constructor(bundle: string) {
    this.#fifo = join(bundle, "winsz");
  }

  set(size: TerminalSize): void {
    this.#latest = size;
    if (!this.#waits) this.#write();
  }

  #write(): void {
    this.#waits = false;
    const size = this.#latest;
    if (size === undefined || !existsSync(this.#fifo)) return; // a monitor that is gone has no terminal
    try {
      const fd = openSync(this.#fifo, constants.O_WRONLY | constants.O_NONBLOCK);
      try {
        if (unreadBytes(fd) > 0) this.#writeLater();
        else {
          writeSync(fd, `${size.rows} ${size.columns}\n`);
          this.#latest = undefined;
        }
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENXIO") throw error; // nobody reads it any more
    }
  }

  #writeLater(): void {
    this.#waits = true;
    setTimeout(() => this.#write(), againMs).unref();
  }
}
