import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { faultKind } from "../../base/fault.ts";
import { errnoOf } from "../../linux/libc.ts";
import { openMetadata } from "../open.ts";

/**
 * Run as a process with its database on a small file system, which it fills with bytes or with files: prints what could
 * be recorded then, and after a new start.
 */
const [path = "", how = ""] = process.argv.slice(2);
const ballast = join(dirname(path), "ballast");

function fillDisk(): void {
  mkdirSync(ballast, { recursive: true });
  const piece = Buffer.alloc(how === "bytes" ? 4096 : 0);
  try {
    for (;;) writeFileSync(join(ballast, `${pieces++}`), piece);
  } catch (error) {
    if (errnoOf(error) !== "ENOSPC") throw error;
  }
}

let pieces = 0;

async function isReady(): Promise<void> {
  const wal = () => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  while (!existsSync(`${path}.reserve/7`) || wal() < 1 << 20) await sleep(20);
}

const told: unknown[] = [];
const open = async () => {
  const metadata = await openMetadata(path, { idle: 0 });
  return { metadata, table: metadata.table<string, string>("thing", String) };
};

const first = await open();
for (let id = 0; id < 20; id++) await first.table.put(`thing-${id}`, "x".repeat(2000));
await isReady();
fillDisk();
told.push(await first.table.put("big", "x".repeat(8_000_000)).then(() => "taken", faultKind));
// Each is a transaction of its own: together many times what the log has to spare.
for (let turn = 0; turn < 150; turn++) await first.table.put("thing-0", `${turn}`.padEnd(2000));
for (let id = 0; id < 10; id++) await first.table.delete(`thing-${id}`);
told.push(first.table.size);
await first.metadata.close();
fillDisk(); // the log's room is anyone's now

const second = await open();
told.push(second.table.size);
for (let id = 10; id < 15; id++) await second.table.delete(`thing-${id}`);
told.push(second.table.size);
rmSync(ballast, { recursive: true });
await second.table.delete("thing-15");
await isReady();
await second.metadata.close();
process.stdout.write(told.join(" "));
