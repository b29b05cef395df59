import { rawKeyboard } from "../stream/terminal.ts";
import { UsageError } from "../usage-error.ts";

const keys = { end: new Set(["\r", "\n", "\u0004"]), delete: new Set(["\b", "\u007f"]), interrupt: "\u0003" };

/** Asks on standard error for a line, at the terminal that standard input is. */
export async function askLine(question: string): Promise<string> {
  process.stderr.write(question);
  return (await readLine()).trim();
}

/** As `askLine`; what is typed is not shown. @throws {UsageError} when it is interrupted */
export async function askSecret(question: string): Promise<string> {
  using _keyboard = rawKeyboard();
  process.stderr.write(question);
  try {
    return await readLine();
  } finally {
    process.stderr.write("\n");
  }
}

/** What is typed up to the end of a line; the keys that delete and interrupt are heeded where the terminal leaves that to us. */
function readLine(): Promise<string> {
  const { stdin } = process;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let typed = "";
  const take = (data: Buffer) => {
    for (const key of data.toString()) {
      if (key === keys.interrupt) return reject(new UsageError("interrupted"));
      if (keys.end.has(key)) return resolve(typed);
      typed = keys.delete.has(key) ? typed.slice(0, -1) : typed + key;
    }
  };
  const end = () => resolve(typed);
  stdin.on("data", take).once("end", end).resume();
  return promise.finally(() => stdin.off("data", take).off("end", end).pause());
}
