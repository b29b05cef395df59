/** What ended the command early, as the exit code that a shell shows for it: 128 and the signal's number. */
const codes = { SIGINT: 130, SIGTERM: 143, SIGPIPE: 141 } as const;

/**
 * Tells a command that the user wants it to end (Ctrl-C), or that nobody reads its output any more. A command that does
 * not ask just ends, as any program would; one that asks puts in order what it has begun, and ends then. A second
 * signal ends that one, too.
 */
export class Interruption {
  readonly #controller = new AbortController();
  #isHeeded = false;
  #code: number | undefined;

  /** Watches the output of the command. */
  watchOutput(): void {
    process.stdout.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      if (this.#code === undefined) this.#interrupt("SIGPIPE");
    });
  }

  /** Aborts when the command is to end; from now on it ends by itself. */
  heed(): AbortSignal {
    if (!this.#isHeeded) {
      this.#isHeeded = true;
      for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => this.#interrupt(name));
    }
    return this.#controller.signal;
  }

  /** What the command exits with when it was interrupted. */
  get code(): number | undefined {
    return this.#code;
  }

  #interrupt(name: keyof typeof codes): void {
    if (!this.#isHeeded || this.#code !== undefined) process.exit(codes[name]);
    this.#code = codes[name];
    this.#controller.abort();
  }
}
