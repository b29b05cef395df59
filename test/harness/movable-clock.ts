import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/**
 * A clock that tests set: in a guest the node's own, elsewhere what libfaketime shows the daemon. What only runs forward is left
 * alone, as it is by the kernel.
 */
export class MovableClock implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), "berth-clock-"));
  readonly #isNodes = process.env.BERTH_TEST_SET_CLOCK === "1";
  #ahead = 0;

  constructor() {
    writeFileSync(this.#file, "+0");
  }

  get #file(): string {
    return join(this.#directory, "ahead");
  }

  /** For the daemon's environment. */
  get env(): Record<string, string> {
    if (this.#isNodes) return {};
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }

  /** Sets the clock by so many seconds ahead of what it was at first, or behind. */
  set(ahead: number): void {
    if (this.#isNodes) {
      const now = Math.round(Date.now() / 1000) + ahead - this.#ahead;
      execFileSync("date", ["--set", `@${now}`], { stdio: "ignore" });
    } else writeFileSync(this.#file, ahead < 0 ? `${ahead}` : `+${ahead}`);
    this.#ahead = ahead;
  }

  [Symbol.dispose](): void {
    this.set(0);
    rmSync(this.#directory, { recursive: true });
  }
}
