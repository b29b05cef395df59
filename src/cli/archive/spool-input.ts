import { createWriteStream, fstatSync, readlinkSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { during } from "../../base/fault.ts";

/** A file that the daemon can open by its path. */
export interface InputFile extends AsyncDisposable {
  readonly path: string;
}

/**
 * What comes on standard input as a file: the very file that it was led from, or a copy in the directory for temporary
 * files (TMPDIR), which goes when this is disposed of.
 *
 * @throws {Fault} cancelled; internal or exhausted when the copy can't be written
 */
export async function inputFile(signal: AbortSignal): Promise<InputFile> {
  const own = ownFile();
  if (own !== undefined) return { path: own, [Symbol.asyncDispose]: async () => undefined };
  const directory = await mkdtemp(join(tmpdir(), "berth-load-"));
  const remove = () => rm(directory, { recursive: true, force: true });
  const path = join(directory, "archive");
  try {
    await pipeline(process.stdin, createWriteStream(path, { flags: "wx", mode: 0o600 }), { signal });
    return { path, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw during(`copying standard input to ${directory}`, error);
  }
}

/** The path of the file that standard input was led from, read from its start. */
function ownFile(): string | undefined {
  const input = fstatSync(0);
  if (!input.isFile()) return undefined;
  try {
    const path = readlinkSync("/proc/self/fd/0");
    const there = statSync(path);
    return there.dev === input.dev && there.ino === input.ino ? path : undefined;
  } catch {
    return undefined;
  }
}
