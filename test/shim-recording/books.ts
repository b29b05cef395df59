import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { killIfSame } from "../../src/linux/kill-if-there.ts";
import type { ProcessStart } from "../../src/linux/process-identity.ts";

/** What a played sandbox has on disk for the case that its shim is killed. */
interface Books {
  /** Who stands for the virtual machine. */
  readonly machine: ProcessStart;
  /** The bundles of its containers, by id. */
  readonly bundles: Readonly<Record<string, string>>;
}

export function noteSandbox(file: string, machine: ProcessStart, id: string, bundle: string): void {
  write(file, { machine, bundles: { [id]: bundle } });
}

export function noteContainer(file: string, id: string, bundle: string): void {
  if (!existsSync(file)) return;
  const { machine, bundles } = read(file);
  write(file, { machine, bundles: { ...bundles, [id]: bundle } });
}

/** The shim's own word: it has deleted the container. */
export function dropContainer(file: string, id: string): void {
  if (!existsSync(file)) return;
  const { machine, bundles } = read(file);
  const { [id]: _deleted, ...left } = bundles;
  if (Object.keys(left).length === 0) rmSync(file);
  else write(file, { machine, bundles: left });
}

/**
 * Cleans up after a shim that was killed, as Kata's program does (CleanupContainer and fetchSandbox of its virtcontainers): it reads the
 * bundles of all that is on the books, and takes the machine away with the last. Of a machine that can't be reached, it keeps all but
 * the last on its books. One that is dead, and that nobody has waited for, it takes to be alive.
 *
 * @throws {Error} where Kata's fails, or waits half a minute for the machine to answer
 */
export function cleanUp(file: string, id: string): void {
  const { machine, bundles } = read(file);
  for (const bundle of Object.values(bundles)) readFileSync(join(bundle, "config.json"));
  const lives = existsSync(`/proc/${machine.pid}`);
  if (lives && isDead(machine.pid))
    throw new Error(`machine ${machine.pid} does not answer: it is dead, and nobody has waited for it`);
  if (!lives && Object.keys(bundles).length > 1) return;
  dropContainer(file, id);
  if (!existsSync(file)) killIfSame(machine);
}

function isDead(pid: number): boolean {
  return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
}

function read(file: string): Books {
  return JSON.parse(readFileSync(file, "utf8")) as Books;
}

function write(file: string, books: Books): void {
  writeFileSync(`${file}.new`, JSON.stringify(books));
  renameSync(`${file}.new`, file);
}
