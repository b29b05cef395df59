import { fstatSync } from "node:fs";

/**
 * Whether `fd` leads to systemd's journal, as the service manager says in JOURNAL_STREAM (systemd.exec(5)): what is written
 * there becomes the journal's line by line, and `<3>` at a line's beginning is its priority.
 */
export function isJournalStream(fd: number, env: NodeJS.ProcessEnv): boolean {
  if (env.JOURNAL_STREAM === undefined) return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return env.JOURNAL_STREAM === `${dev}:${ino}`;
  } catch {
    return false; // closed
  }
}
