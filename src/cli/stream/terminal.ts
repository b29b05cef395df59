import type { Writable } from "node:stream";

/** The keys that leave an attached terminal without ending what runs in it, as docker has them: Ctrl-P, Ctrl-Q. */
const detachKeys = Buffer.from([0x10, 0x11]);

/**
 * Hands the keyboard over as it is typed, until disposed of: then the terminal is as before, whatever happened. What is
 * no terminal is left alone.
 */
export function rawKeyboard(): Disposable {
  const { stdin } = process;
  const restore = () => {
    if (stdin.isTTY) stdin.setRawMode(false);
  };
  if (stdin.isTTY) stdin.setRawMode(true);
  process.once("exit", restore);
  return {
    [Symbol.dispose]() {
      process.off("exit", restore);
      restore();
    },
  };
}

/** Tells the size of the user's terminal, now and whenever it changes, until disposed of. */
export function followSize(to: Writable): Disposable {
  const { stdout } = process;
  const tell = () => {
    if (!to.destroyed) to.write(JSON.stringify({ Width: stdout.columns, Height: stdout.rows }));
  };
  if (stdout.isTTY) {
    tell();
    stdout.on("resize", tell);
  }
  return { [Symbol.dispose]: () => void stdout.off("resize", tell) };
}

/** Passes what is typed, or piped in, on to its end. `detach` is called for its keys, where they mean that. */
export function passInput(to: Writable, detach: (() => void) | undefined): Disposable {
  const { stdin } = process;
  let last = 0;
  const take = (data: Buffer) => {
    const keys = Buffer.concat([Buffer.from([last]), data]);
    if (detach !== undefined && keys.includes(detachKeys)) {
      detach();
      return;
    }
    last = data.at(-1) ?? last;
    if (!to.write(data)) stdin.pause();
  };
  const end = () => to.end();
  const resume = () => stdin.resume();
  to.on("drain", resume);
  to.on("error", () => undefined);
  stdin.on("data", take).on("end", end);
  return {
    [Symbol.dispose]() {
      stdin.off("data", take).off("end", end);
      to.off("drain", resume);
      stdin.destroy(); // a keyboard that nobody reads must not keep the command alive
    },
  };
}
