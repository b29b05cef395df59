import type { Define } from "./context.ts";

/** How the help orders the commands. */
export const commandGroups = [
  "Containers and pods",
  "Images",
  "Daemon and node",
  "As crictl has it",
  "Command line",
] as const;

/** A command by name: its code is read only when it is asked for, so that each starts fast. */
export interface CommandEntry {
  readonly name: string;
  readonly about: string;
  readonly group: (typeof commandGroups)[number];
  /** It exits with the code of a program that it runs. */
  readonly handsOnExits?: true;
  load(): Promise<Define>;
}
