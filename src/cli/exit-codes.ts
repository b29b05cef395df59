/** What the command exits with, besides the exit codes of programs that `run` and `exec` hand on. */
export const exitCodes = { failed: 1, usage: 2, unreachable: 3, notFound: 4, notRun: 125 } as const;

/** A code and what it says. */
export type ExitMeaning = readonly [code: string, meaning: string];

/** What the codes of most commands mean, as the help shows it. */
export const usualExits: readonly ExitMeaning[] = [
  ["0", "It was done."],
  [String(exitCodes.failed), "It failed; the message on standard error says why."],
  [String(exitCodes.usage), "The command line is wrong; nothing was done."],
  [String(exitCodes.unreachable), "The runtime, or what it needed, did not answer: trying again may help."],
  [String(exitCodes.notFound), "What was named does not exist."],
];

/** Those of `run` and `exec`, which hand on what a program ended with. */
export const programExits: readonly ExitMeaning[] = [
  ["0 to 255", "What the program exited with; 128 and the signal's number when a signal ended it."],
  [String(exitCodes.notRun), "The program was not run, or its end is not known: berth itself failed."],
];
