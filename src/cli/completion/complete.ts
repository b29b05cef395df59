import type { Command } from "commander";
import { commands } from "../commands.ts";
import type { ConnectionOptions } from "../connect.ts";
import type { Runtime } from "../context.ts";
import { printable } from "../output/table.ts";
import { type Candidate, type Candidates, candidatesFor } from "./candidates.ts";
import { thingsOf } from "./things.ts";

/** Names the shell is to complete file names. */
const filesLine = ":files";

/**
 * What `berth __complete` prints for the scripts of the shells: a candidate a line, a tab, and what it is. The last of
 * `words` is the one that is being typed.
 */
export async function completionLines(
  program: Command,
  words: readonly string[],
  connect: (options: ConnectionOptions) => Promise<Runtime>,
): Promise<string> {
  const current = words.at(-1) ?? "";
  const candidates = candidatesFor(program, words);
  if (candidates.kind === "file") return `${filesLine}\n`;
  const { prefix = "" } = candidates;
  const typed = current.slice(prefix.length);
  const isFile = candidates.kind === "place" && !typed.includes(":"); // of this machine, or else a container's
  if (isFile && /^[/.]/.test(typed)) return `${filesLine}\n`;
  const found = await wordsOf(candidates, typed, () => connect(connectionOf(words)));
  const lines = found
    .filter(({ word }) => word.startsWith(typed))
    .map(({ word, about }) => `${prefix}${printable(word)}\t${printable(about)}\n`);
  return [...lines, ...(isFile ? [`${filesLine}\n`] : [])].join("");
}

async function wordsOf(
  { words, kind }: Candidates,
  typed: string,
  connect: () => Promise<Runtime>,
): Promise<readonly Candidate[]> {
  if (kind === undefined) return words;
  if (kind === "command") return commands.map(({ name, about }) => ({ word: name, about }));
  return thingsOf(await connect(), kind, typed);
}

/** The options among the words that say which runtime is meant. */
function connectionOf(words: readonly string[]): ConnectionOptions {
  const given = (name: string) => {
    const at = words.findIndex((word) => word === name || word.startsWith(`${name}=`));
    return words[at] === name ? words[at + 1] : words[at]?.slice(name.length + 1);
  };
  const [endpoint, config] = [given("--endpoint"), given("--config")];
  return { ...(endpoint === undefined ? {} : { endpoint }), ...(config === undefined ? {} : { config }) };
}
