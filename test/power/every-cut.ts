import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Found } from "./check.ts";
import { chooseCuts, promisedImages, type Recorded, underWay } from "./cut-points.ts";
import type { Random } from "./random.ts";
import { Replay } from "./replay.ts";
import type { LoggedWrite } from "./write-log.ts";

/** A disk before it was written to, the log of that, and what was asked for meanwhile. */
export interface Recording extends Recorded {
  /** Is changed by the cuts. */
  readonly before: string;
  readonly log: string;
  readonly writes: readonly LoggedWrite[];
}

export interface CutOptions {
  readonly cuts: number;
  readonly at: string;
  readonly random: Random;
  /** For the disks. */
  readonly directory: string;
}

/**
 * Makes the disk of each cut, has a node look at it, and prints a table with a row for each.
 *
 * @param look throws when something is not as it should be
 * @returns how many cuts left what they should not
 */
export async function makeCuts(
  recording: Recording,
  { cuts, at, random, directory }: CutOptions,
  look: (disk: string, promised: readonly string[]) => Promise<Found>,
): Promise<number> {
  const { before, log, writes, asked } = recording;
  const flushes = writes.filter(({ flush }) => flush).length;
  console.log(`${asked.length} calls, ${writes.length} writes, ${flushes} flushes\n`);
  row("before write", "writes", "under way", "images", "pods / containers", "said");
  row(...Array.from({ length: 6 }, () => "---"));
  using replay = new Replay(before, log, writes);
  const entries = chooseCuts(writes, recording, { cuts, at }, random);
  let failures = 0;
  for (const entry of entries) {
    const disk = join(directory, "cut.img");
    const { kept, torn, lost } = replay.cutBefore(entry, disk, random);
    const next = writes[entry];
    const position = next === undefined ? Infinity : (next.data ?? next.end);
    const cut = [entry, `${kept}/${torn}/${lost}`, underWay(asked, position)];
    try {
      const { images, pods, containers, said } = await look(disk, promisedImages(asked, position));
      row(...cut, images, `${pods}/${containers}`, counted(said));
    } catch (error) {
      failures++;
      row(...cut, "", "", "FAILED");
      console.log(describe(error));
    }
    rmSync(disk);
  }
  console.log(`\n${entries.length} cuts, ${failures} of them left what they should not`);
  return failures;
}

function row(...cells: readonly (string | number)[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}

/** Each text once, without what it says after a colon, and how often. */
function counted(texts: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const text of texts) {
    const [what = ""] = text.split(":");
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts].map(([what, count]) => `${count} × ${what}`).join("; ") || "nothing";
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describe(error.cause)}`;
}
