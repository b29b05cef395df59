/**
 * As `cuts.ts`, with a node that really boots again: a guest works on a disk that its device-mapper records; for each cut another
 * guest is started with what that left of the disk, and systemd starts the daemon in there.
 *
 *     node test/power/guest-cuts.ts --cuts 3 --seconds 60 --seed 1
 */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Guest } from "../guest/guest.ts";
import { guestFlags, guestOptions, quoted } from "../guest/options.ts";
import { runsDirectory } from "../guest/places.ts";
import { makeTreeDisk } from "../guest/tree.ts";
import { makeBlankDisk, makeSparseFile } from "./blank-disk.ts";
import type { Found } from "./check.ts";
import { makeCuts, type Recording } from "./every-cut.ts";
import type { CheckOrder, Loaded, LoadOrder } from "./inside/orders.ts";
import { cutFlags, diskBytes } from "./options.ts";
import { Random } from "./random.ts";
import { readWriteLog } from "./write-log.ts";

const { values } = parseArgs({ options: { ...guestFlags, ...cutFlags } });
/** The log is followed by nothing, so that its end can be found. */
const logBytes = 8 * 2 ** 30;
const program = "test/power/inside/work.ts";

process.once("SIGINT", () => process.exit(130)).once("SIGTERM", () => process.exit(143));
const directory = mkdtempSync(join(runsDirectory, "berth-power-"));
if (!values.keep) process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
const tree = join(directory, "tree.img");
await makeTreeDisk(tree, directory);
process.exitCode = (await cutPower()) === 0 ? 0 : 1;

/** @returns how many cuts left what they should not */
async function cutPower(): Promise<number> {
  const { recording, empty, usual } = await record();
  console.log(`seed ${values.seed}`);
  const random = new Random(Number(values.seed));
  const options = { cuts: Number(values.cuts), at: values.at, random, directory };
  return makeCuts(recording, options, async (disk, promised) => {
    const order: CheckOrder = { promised, empty };
    const { said, ...found } = await work<Found>([disk], "check", order);
    return { ...found, said: said.filter((warning) => !usual.includes(warning)) };
  });
}

async function record(): Promise<{ recording: Recording } & Omit<Loaded, "asked">> {
  const [before = "", disk = "", log = ""] = ["before", "disk", "log"].map((name) => join(directory, name));
  makeBlankDisk(before, diskBytes);
  copyFileSync(before, disk);
  makeSparseFile(log, logBytes);
  const order: LoadOrder = {
    seconds: Number(values.seconds ?? 60),
    seed: Number(values.seed),
    withPods: !values["only-images"],
    lying: values["without-sync"],
  };
  const { asked, ...blank } = await work<Loaded>([disk, log], "load", order);
  rmSync(disk);
  const { writes, marks } = readWriteLog(log);
  const positionOf = (mark: number) => {
    const position = marks.get(String(mark));
    if (position === undefined) throw new Error(`the log of the disk ends before mark ${mark}`);
    return position;
  };
  const placed = asked.map(({ what, begun, ended }) => ({
    what,
    begun: positionOf(begun),
    ended: ended === undefined ? undefined : positionOf(ended),
  }));
  return { recording: { before, log, writes, asked: placed, moments: [...marks.values()] }, ...blank };
}

/** Starts a guest with these disks, has it do something, and ends it as a power cut does. */
async function work<Result>(
  disks: readonly string[],
  what: "load" | "check",
  order: LoadOrder | CheckOrder,
): Promise<Result> {
  await using guest = await Guest.start({
    ...guestOptions({ memory: "2048", ...values }),
    contents: "tests",
    tree,
    disks,
    kernelArguments: `guest.before=/berth/test/power/inside/boot ${values.append ?? ""}`,
  });
  // A check that waits in vain has to say so before the guest is taken for one that hangs.
  const command = [
    "env",
    "BERTH_TEST_PATIENCE=5",
    "node",
    "--disable-warning=ExperimentalWarning",
    program,
    what,
    JSON.stringify(order),
  ];
  let printed = "";
  const code = await guest.run(command.map(quoted).join(" "), (text) => {
    printed += text.toString();
  });
  if (code !== 0) throw new Error(printed);
  return JSON.parse(printed.trimEnd().split("\n").at(-1) ?? "");
}
