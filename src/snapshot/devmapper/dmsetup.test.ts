import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import type { Command, Processes } from "../../linux/contract.ts";
import { parseMapped, parsePoolStatus, ThinPool } from "./dmsetup.ts";
import { ThinIds } from "./thin-ids.ts";

test("the kernel's word on a pool is understood, well or not", () => {
  const well = parsePoolStatus(
    "0 3145728 thin-pool 1 141/4096 12/24576 - rw no_discard_passdown queue_if_no_space - 1024",
  );
  assert.deepEqual(well, {
    metadata: { used: 141, total: 4096 },
    data: { used: 12, total: 24_576 },
    mode: "rw",
    needsCheck: false,
  });
  const full = parsePoolStatus(
    "0 3145728 thin-pool 1 141/4096 24576/24576 - out_of_data_space discard_passdown queue_if_no_space needs_check 1024\n",
  );
  assert.deepEqual([full.mode, full.needsCheck, full.data.used], ["out_of_data_space", true, 24_576]);
  assert.equal(parsePoolStatus("0 3145728 thin-pool Fail").mode, "Fail");
  assert.throws(
    () => parsePoolStatus("0 2048 linear "),
    (error) => isFault(error, "unavailable"),
  );
});

test("what a thin device takes of its pool is read from its status", () => {
  assert.equal(parseMapped("0 1048576 thin 2304 1048575\n"), 1_179_648);
  assert.equal(parseMapped("0 1048576 thin 0 -"), 0);
  for (const other of ["0 1048576 thin Fail", "0 1048576 linear 7:0 0"])
    assert.throws(
      () => parseMapped(other),
      (error) => isFault(error, "corrupt"),
    );
});

/** Answers as dmsetup does, and keeps what it was asked. */
class Recorded implements Processes {
  readonly asked: string[] = [];
  /** By the beginning of what is asked: what goes to stderr. */
  readonly fails = new Map<string, string>();

  async run({ path, args }: Command) {
    const line = [path, ...args].join(" ");
    this.asked.push(line);
    const said = [...this.fails].find(([beginning]) => line.startsWith(beginning))?.[1];
    const stderr = Buffer.from(said ?? "");
    return {
      code: said === undefined ? 0 : 1,
      signal: null,
      stdout: Buffer.alloc(0),
      stderr,
      truncated: false,
    };
  }
}

test("thin devices are made, used and removed by dmsetup's commands", async () => {
  const processes = new Recorded();
  const pool = new ThinPool({ processes, path: "/sbin" }, "pool");
  assert.equal(await pool.createThin(7), true);
  assert.equal(await pool.createSnapshot(8, 7), true);
  processes.fails.set("dmsetup info", "Device does not exist.\nCommand failed.");
  await pool.activate("pool-x", 8, 10_737_418_240, "ro");
  await pool.deactivate("pool-x");
  assert.equal(await pool.whileStill("pool-x", async () => "done"), "done");
  processes.fails.clear();
  assert.equal(await pool.whileStill("pool-x", async () => "done"), "done");
  await pool.deactivate("pool-x");
  await pool.delete(8);
  const told = processes.asked.filter((line) => !line.startsWith("dmsetup info"));
  assert.deepEqual(told, [
    "dmsetup message pool 0 create_thin 7",
    "dmsetup message pool 0 create_snap 8 7",
    "dmsetup create pool-x --verifyudev --readonly --table 0 20971520 thin /dev/mapper/pool 8",
    "dmsetup suspend pool-x",
    "dmsetup resume pool-x",
    "dmsetup remove --verifyudev --retry pool-x",
    "dmsetup message pool 0 delete 8",
  ]);
});

test("an id that is taken is told from what fails; a device that is gone was deleted", async () => {
  const processes = new Recorded();
  const pool = new ThinPool({ processes, path: "/sbin" }, "pool");
  processes.fails.set(
    "dmsetup message pool 0 create",
    "device-mapper: message ioctl on pool failed: File exists",
  );
  processes.fails.set(
    "dmsetup message pool 0 delete 1",
    "device-mapper: message ioctl on pool failed: No data available",
  );
  processes.fails.set(
    "dmsetup message pool 0 delete 2",
    "device-mapper: message ioctl on pool failed: Device or resource busy",
  );
  assert.equal(await pool.createThin(1), false);
  await pool.delete(1);
  await assert.rejects(pool.delete(2), /delete 2: .*busy/);
});

test("ids are recorded before they are used, and found again", async () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-thin-"));
  try {
    const ids = new ThinIds(join(directory, "thin"));
    const [one, two] = [await ids.allocate("a", 1024), await ids.allocate("b", 1024)];
    assert.deepEqual([one.id, two.id], [1, 2]);
    await ids.put("b", { ...two, used: { bytes: 5, inodes: 6 } });
    await ids.forget("a");
    writeFileSync(join(directory, "thin", "half.new"), "{");
    const again = new ThinIds(join(directory, "thin"));
    assert.deepEqual(await again.names(), ["b"]);
    assert.deepEqual(await again.find("b"), { id: 2, size: 1024, used: { bytes: 5, inodes: 6 } });
    assert.deepEqual([(await again.allocate("c", 1024)).id, (await again.allocate("d", 1024)).id], [1, 3]);
    assert.deepEqual(readdirSync(join(directory, "thin")).sort(), ["b", "c", "d"]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
