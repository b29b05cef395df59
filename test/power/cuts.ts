/**
 * Cuts the power of a node at random moments of pulls, imports, removals, prunes and pods' starts, and looks what is left:
 *
 *     node test/power/cuts.ts --cuts 20 --seconds 20 --seed 1
 *
 * The node is a daemon on this host; `guest-cuts.ts` has one that really boots.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { enterOwnMounts } from "../../bench/own-mounts.ts";
import { TestRegistry } from "../harness/registry.ts";
import { checkAfterCut } from "./check.ts";
import { makeCuts } from "./every-cut.ts";
import { Load, makeLoadImages } from "./load.ts";
import { NodeOnDisk } from "./node.ts";
import { cutFlags, diskBytes } from "./options.ts";
import { Random } from "./random.ts";
import { RecordedDisk } from "./recorded-disk.ts";
import { withoutSync } from "./without-sync.ts";
import { readWriteLog } from "./write-log.ts";

enterOwnMounts();
const { values } = parseArgs({ options: cutFlags });
const seconds = Number(values.seconds ?? 20);

const random = new Random(Number(values.seed));
const directory = mkdtempSync("/tmp/berth-power-");
chmodSync(directory, 0o711);
const registry = await TestRegistry.start();
try {
  process.exitCode = (await cutPower()) === 0 ? 0 : 1;
} finally {
  await registry.close();
  if (!values.keep) rmSync(directory, { recursive: true, force: true });
}

/** @returns how many cuts left what they should not */
async function cutPower(): Promise<number> {
  const images = await makeLoadImages(registry, directory);
  const disk = await RecordedDisk.start(directory, diskBytes);
  const command = values["without-sync"] ? { command: withoutSync(directory) } : {};
  await using node = await NodeOnDisk.start(directory, disk.file, command);
  registry.trustIn(node.daemon.workspace.certsDir);
  const empty = node.names;
  const load = new Load(node.daemon, images, {
    random,
    withPods: !values["only-images"],
    mark: () => disk.position,
  });
  const moments = await record(load, disk);
  await node.cut();
  await disk[Symbol.asyncDispose]();
  const { before, log } = disk;
  const recording = { before, log, ...readWriteLog(log), asked: load.asked, moments };
  console.log(`seed ${values.seed}`);
  const options = { cuts: Number(values.cuts), at: values.at, random, directory };
  return await makeCuts(recording, options, async (image, promised) => {
    try {
      await node.boot(image);
      return await checkAfterCut(node, images, promised, empty);
    } catch (error) {
      throw new Error(`the daemon's log: ${node.daemon.logTail(5)}`, { cause: error });
    } finally {
      await node.cut();
    }
  });
}

/** @returns where the log of the disk stood, every so often */
async function record(load: Load, disk: RecordedDisk): Promise<number[]> {
  const moments: number[] = [];
  const timer = setInterval(() => moments.push(disk.position), 20);
  try {
    await load.run(seconds * 1000);
  } finally {
    clearInterval(timer);
  }
  return moments;
}
