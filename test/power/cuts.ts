/**
 * Cuts the power of a node at random moments of pulls, imports, removals, prunes and pods' starts, and looks what is left:
 *
 *     node test/power/cuts.ts --cuts 20 --seconds 20 --seed 1
 *
 * `--without-sync`: the node's kernel only claims to write out what is to be safe. Then the checks have to fail.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { enterOwnMounts } from "../../bench/own-mounts.ts";
import { berthCommand } from "../harness/command.ts";
import { TestRegistry } from "../harness/registry.ts";
import { checkAfterCut } from "./check.ts";
import { chooseCuts, promisedImages, underWay } from "./cut-points.ts";
import { Load, type LoadImages, makeLoadImages } from "./load.ts";
import { NodeOnDisk } from "./node.ts";
import { Random } from "./random.ts";
import { RecordedDisk } from "./recorded-disk.ts";
import { Replay } from "./replay.ts";
import { readWriteLog } from "./write-log.ts";

enterOwnMounts();
const { values } = parseArgs({
  options: {
    cuts: { type: "string", default: "20" },
    /** How long the node is kept busy. */
    seconds: { type: "string", default: "20" },
    /** The same one cuts the same recording at the same moments; what is recorded differs from run to run. */
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
    /** Where the power is cut: anywhere, or only right after answers that promise something. */
    at: { type: "string", default: "anywhere" },
    /** Without pods. */
    "only-images": { type: "boolean", default: false },
    "without-sync": { type: "boolean", default: false },
    /** Leaves the recording and the disks there. */
    keep: { type: "boolean", default: false },
  },
});
const diskBytes = 768 << 20;

const random = new Random(Number(values.seed));
const directory = mkdtempSync("/tmp/berth-power-");
chmodSync(directory, 0o711);
const registry = await TestRegistry.start();
try {
  const failures = await cutPower();
  process.exitCode = failures === 0 ? 0 : 1;
} finally {
  await registry.close();
  if (!values.keep) rmSync(directory, { recursive: true, force: true });
}

/** @returns how many cuts left what they should not */
async function cutPower(): Promise<number> {
  const images = await makeLoadImages(registry, directory);
  const disk = await RecordedDisk.start(directory, diskBytes);
  await using node = await NodeOnDisk.start(
    directory,
    disk.file,
    values["without-sync"] ? { command: lying() } : {},
  );
  registry.trustIn(node.daemon.workspace.certsDir);
  const empty = node.names;
  const load = new Load(node.daemon, images, {
    random,
    withPods: !values["only-images"],
    removesImports: true,
    position: () => disk.position,
  });
  const moments = await record(load, disk);
  await node.cut();
  await disk[Symbol.asyncDispose]();
  const writes = [...readWriteLog(disk.log)];
  using replay = new Replay(disk.before, disk.log, writes);
  const cuts = chooseCuts(
    writes,
    { asked: load.asked, moments },
    { at: values.at, cuts: Number(values.cuts) },
    random,
  );
  const flushes = writes.filter(({ flush }) => flush).length;
  console.log(`seed ${values.seed}: ${load.asked.length} calls, ${writes.length} writes, ${flushes} flushes`);
  let failures = 0;
  for (const [index, entry] of cuts.entries()) {
    const image = join(directory, "cut.img");
    const after = replay.cutBefore(entry, image, random);
    const position = writes[entry]?.data ?? disk.position;
    const result = await look(node, image, images, promisedImages(load.asked, position), empty);
    if (result.failed) failures++;
    const busy = underWay(load.asked, position);
    console.log(
      `cut ${index + 1} before write ${entry}, ${JSON.stringify(after)}; under way: ${busy}: ${result.text}`,
    );
    await node.cut();
    rmSync(image);
  }
  console.log(`${cuts.length} cuts, ${failures} of them left what they should not`);
  return failures;
}

/** @returns where the log of the disk stood, every so often */
async function record(load: Load, disk: RecordedDisk): Promise<number[]> {
  const moments: number[] = [];
  const timer = setInterval(() => moments.push(disk.position), 20);
  try {
    await load.run(Number(values.seconds) * 1000);
  } finally {
    clearInterval(timer);
  }
  return moments;
}

async function look(
  node: NodeOnDisk,
  disk: string,
  images: LoadImages,
  promised: readonly string[],
  empty: readonly string[],
): Promise<{ failed: boolean; text: string }> {
  try {
    await node.boot(disk);
    const { images: there, pods, containers, said } = await checkAfterCut(node, images, promised, empty);
    return {
      failed: false,
      text: `sound; ${there} images, ${pods} pods, ${containers} containers; said ${JSON.stringify(said)}`,
    };
  } catch (error) {
    return { failed: true, text: `FAILED: ${describe(error)}\n${node.daemon.logTail(5)}` };
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describe(error.cause)}`;
}

/** A `berth` in whose eyes syncfs(2) succeeds, though nothing is written. */
function lying(): string {
  const syncfs = process.arch === "x64" ? 306 : 267;
  const filter = fileURLToPath(new URL("../harness/without-system-calls.ts", import.meta.url));
  const script = join(directory, "berth-without-sync");
  const node = `"${process.execPath}" --disable-warning=ExperimentalWarning "${filter}"`;
  writeFileSync(script, `#!/bin/sh\nexec ${node} ${syncfs}=0 -- ${berthCommand} "$@"\n`, { mode: 0o755 });
  return script;
}
