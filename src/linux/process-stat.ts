/** Where fields of /proc/<pid>/stat stand in `statFields` (proc(5)). */
export const statField = { state: 0, parent: 1, session: 3, startTicks: 19, exitCode: 49 } as const;

/** What /proc/<pid>/stat holds after the command's name. */
export function statFields(text: string): string[] {
  // the name may hold blanks and parentheses: the last one ends it
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}
