import { type FileSystemState, isFull as hasNoRoom } from "../linux/file-system-state.ts";

/** Result codes of SQLite (sqlite.org/rescode.html), of which the lower byte is the primary one. */
const primary = { readOnly: 8, ioError: 10, corrupt: 11, full: 13, cantOpen: 14, notADatabase: 26 } as const;

function codeOf(error: unknown): number {
  return ((error as { errcode?: number } | undefined)?.errcode ?? 0) & 0xff;
}

export function isCorruption(error: unknown): boolean {
  return codeOf(error) === primary.corrupt || codeOf(error) === primary.notADatabase;
}

/** What SQLite would throw for a file whose content it found to be damaged. */
export function corruption(verdict: string): Error {
  return Object.assign(new Error(verdict), { errcode: primary.corrupt });
}

/** The disk has no room for what was to be written. */
export function isFull(error: unknown): boolean {
  return codeOf(error) === primary.full;
}

/** The database's files can't be made or written: of a full disk, SQLite says no more than that in some places. */
export function isRefused(error: unknown): boolean {
  const refusals: readonly number[] = [primary.readOnly, primary.ioError, primary.full, primary.cantOpen];
  return refusals.includes(codeOf(error));
}

/**
 * The errno that stands behind a result code, as far as that tells: SQLite says "I/O error" of much.
 *
 * @param refusal by which the file system refuses another file
 */
export function errnoOfSqlite(
  error: unknown,
  refusal: string | undefined,
  at: FileSystemState | undefined,
): string | undefined {
  if (isFull(error)) return "ENOSPC";
  if (!isRefused(error)) return undefined;
  if (at?.isReadOnly) return "EROFS";
  if (refusal !== undefined) return refusal;
  return at !== undefined && hasNoRoom(at) ? "ENOSPC" : "EIO";
}
