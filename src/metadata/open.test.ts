import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { openMetadata } from "./open.ts";

interface Thing {
  readonly name: string;
  readonly at: bigint;
}

function parseThing(value: unknown): Thing {
  const { name, at } = value as Thing;
  if (typeof name !== "string" || typeof at !== "bigint") throw new Error("not a thing");
  return { name, at };
}

function temporary(t: TestContext): { directory: string; path: string } {
  const directory = mkdtempSync(join(tmpdir(), "berth-metadata-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return { directory, path: join(directory, "berth.db") };
}

test("records are synced, whether any were written since the start or not", async (t) => {
  const { path } = temporary(t);
  const metadata = await openMetadata(path, { idle: 0 });
  await metadata.sync();
  await metadata.table("thing", parseThing).put("a", { name: "a", at: 1n });
  await metadata.sync();
  await metadata.close();
  await metadata.sync();
});

test("what was put is there after a new start, and what was deleted is not", async (t) => {
  const { path } = temporary(t);
  const first = await openMetadata(path, { idle: 0 });
  const things = first.table("thing", parseThing);
  await things.put("a", { name: "a", at: 1n << 62n });
  await things.put("b", { name: "b", at: 2n });
  await things.delete("b");
  await things.delete("never there");
  await first.close();
  await assert.rejects(things.put("c", { name: "c", at: 3n }), { kind: "wrongState" });

  const second = await openMetadata(path, { idle: 0 });
  assert.deepEqual([...second.table("thing", parseThing).values()], [{ name: "a", at: 1n << 62n }]);
  assert.deepEqual(second.setAside, []);
  assert.throws(() => second.table("thing", parseThing), { kind: "internal" });
  await second.close();
});

test("a write is seen once it is committed, and writes of one id take effect in order", async (t) => {
  const { path } = temporary(t);
  const metadata = await openMetadata(path, { idle: 0 });
  const things = metadata.table("thing", parseThing);
  const first = things.put("a", { name: "a", at: 1n });
  assert.equal(things.get("a"), undefined);
  await first;
  assert.equal(things.get("a")?.at, 1n);
  const last = [
    things.put("a", { name: "a", at: 2n }),
    things.delete("a"),
    things.put("a", { name: "a", at: 3n }),
  ];
  assert.equal(things.get("a")?.at, 1n);
  await Promise.all(last);
  assert.equal(things.get("a")?.at, 3n);
  assert.equal(things.size, 1);
  await metadata.close();
});

test("an index finds the committed records of a key, and follows those that change it", async (t) => {
  const { path } = temporary(t);
  const metadata = await openMetadata(path, { idle: 0 });
  const things = metadata.table("thing", parseThing);
  await things.put("a", { name: "x", at: 1n });
  const byName = things.index((thing) => thing.name);
  const times = (name: string) => Array.from(byName.all(name), ({ at }) => at);
  const second = things.put("b", { name: "x", at: 2n });
  assert.deepEqual(times("x"), [1n]);
  await second;
  assert.deepEqual(times("x"), [1n, 2n]);
  await things.put("a", { name: "x", at: 3n });
  assert.deepEqual(times("x"), [3n, 2n]);
  await things.put("a", { name: "y", at: 4n });
  assert.deepEqual([times("x"), times("y")], [[2n], [4n]]);
  await things.delete("b");
  await things.delete("never there");
  assert.deepEqual([times("x"), times("y")], [[], [4n]]);
  await metadata.close();
});

test("the writer thread ends when idle and starts again with the next write", async (t) => {
  const { path } = temporary(t);
  const metadata = await openMetadata(path, { idle: 1 });
  const things = metadata.table("thing", parseThing);
  for (const at of [1n, 2n, 3n]) {
    await things.put("a", { name: "a", at });
    await sleep(50);
  }
  await metadata.close();
  const again = await openMetadata(path, { idle: 0 });
  assert.equal(again.table("thing", parseThing).get("a")?.at, 3n);
  await again.close();
});

test("a row that is no record is set aside, kept in the database, and the rest is served", async (t) => {
  const { path } = temporary(t);
  await (await openMetadata(path, { idle: 0 })).close();
  const database = new DatabaseSync(path);
  const insert = database.prepare("INSERT INTO record (kind, id, value) VALUES ('thing', ?, ?)");
  insert.run("good", '{"name":"good","at":"\\u00017"}');
  insert.run("cut", '{"name":"cu');
  insert.run("other", '{"name":5}');
  database.close();

  const metadata = await openMetadata(path, { idle: 0 });
  const things = metadata.table("thing", parseThing);
  assert.deepEqual([...things.values()], [{ name: "good", at: 7n }]);
  assert.deepEqual(
    metadata.setAside.map(({ table, id }) => [table, id]),
    [
      ["thing", "cut"],
      ["thing", "other"],
    ],
  );
  await metadata.close();

  const after = new DatabaseSync(path);
  assert.equal(after.prepare("SELECT count(*) AS n FROM record").get()?.n, 1);
  assert.deepEqual(
    { ...after.prepare("SELECT value, reason FROM set_aside WHERE id = 'other'").get() },
    {
      value: '{"name":5}',
      reason: "not a thing",
    },
  );
  after.close();
});

test("a file that is no database is renamed and a new one begun", async (t) => {
  const { path, directory } = temporary(t);
  writeFileSync(path, "hello ".repeat(2000));
  const metadata = await openMetadata(path, { idle: 0 });
  assert.match(metadata.setAside[0]?.reason ?? "", /corrupt.*berth\.db\.corrupt-/);
  await metadata.table("thing", parseThing).put("a", { name: "a", at: 1n });
  await metadata.close();
  const kept = readdirSync(directory).find((name) => name.startsWith("berth.db.corrupt-")) ?? "";
  assert.match(readFileSync(join(directory, kept), "utf8"), /^hello hello/);
});

test("what can still be read of a damaged database is kept", async (t) => {
  const { path } = temporary(t);
  const metadata = await openMetadata(path, { idle: 0 });
  const things = metadata.table("thing", parseThing);
  const names = Array.from({ length: 200 }, (_, index) => `thing-${index}-${"x".repeat(500)}`);
  await Promise.all(names.map((name) => things.put(name.slice(0, 9), { name, at: 0n })));
  await metadata.close();
  const bytes = readFileSync(path);
  const page = bytes.indexOf("thing-100-") & ~4095;
  bytes.fill(0xaa, page, page + 4096);
  writeFileSync(path, bytes);

  const damaged = await openMetadata(path, { idle: 0 });
  const read = damaged.table("thing", parseThing);
  assert.ok(read.size > 150 && read.size < 200, `${read.size} were read`);
  assert.match(damaged.setAside[0]?.reason ?? "", new RegExp(`${read.size} records could be read`));
  await damaged.close();
  const again = await openMetadata(path, { idle: 0 });
  assert.equal(again.table("thing", parseThing).size, read.size);
  assert.deepEqual(again.setAside, []);
  await again.close();
});

test("another program's database and a newer berth's are refused, untouched", async (t) => {
  const { path, directory } = temporary(t);
  const foreign = join(directory, "foreign.db");
  const database = new DatabaseSync(foreign);
  database.exec("CREATE TABLE mine (a)");
  database.close();
  await assert.rejects(openMetadata(foreign, { idle: 0 }), {
    kind: "wrongState",
    message: /another program/,
  });

  await (await openMetadata(path, { idle: 0 })).close();
  const newer = new DatabaseSync(path);
  newer.exec("PRAGMA user_version = 99");
  newer.close();
  await assert.rejects(openMetadata(path, { idle: 0 }), { kind: "wrongState", message: /newer berth/ });
});

test("kill -9 in the middle of writing loses nothing that was answered, and halves no transaction", async (t) => {
  const { path } = temporary(t);
  const script = join(import.meta.dirname, "testing", "endless-writer.ts");
  for (const after of [40, 90, 170]) {
    const child = spawn(process.execPath, [script, path], { stdio: ["ignore", "pipe", "inherit"] });
    let printed = "";
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk;
    });
    while (!printed.includes("\n1\n")) await once(child.stdout, "data");
    await sleep(after);
    child.kill("SIGKILL");
    await once(child, "close");

    const answered = Number(printed.slice(0, printed.lastIndexOf("\n")).split("\n").at(-1));
    const metadata = await openMetadata(path, { idle: 0 });
    const pairs = metadata.table<string, { pair: number }>("pair", (value) => value as { pair: number });
    assert.ok(answered > 0);
    for (let pair = 0; pair <= answered; pair++) assert.equal(pairs.get(`left-${pair}`)?.pair, pair);
    for (const { pair } of pairs.values()) assert.ok(pairs.get(`left-${pair}`) && pairs.get(`right-${pair}`));
    assert.deepEqual(metadata.setAside, []);
    await metadata.close();
  }
});

test("a full disk refuses the write and nothing else", {
  skip: process.getuid?.() !== 0 && "NEEDS ROOT",
}, async (t) => {
  const { directory } = temporary(t);
  const script = join(import.meta.dirname, "testing", "fill-disk.ts");
  const { stdout } = await promisify(execFile)("unshare", [
    ...["-m", "--propagation", "private", "sh", "-ec"],
    'mount -t tmpfs -o size=1m none "$0"; exec "$1" "$2" "$0/berth.db"',
    ...[directory, process.execPath, script],
  ]);
  assert.equal(stdout, "exhausted true small");
});

for (const [how, options] of [
  ["bytes", "size=24m"],
  ["inodes", "size=64m,nr_inodes=60"],
] as const) {
  test(`on a disk without any ${how} left, what exists is changed and removed, and the next start comes up`, {
    skip: process.getuid?.() !== 0 && "NEEDS ROOT",
  }, async (t) => {
    const { directory } = temporary(t);
    const script = join(import.meta.dirname, "testing", "on-full-disk.ts");
    const { stdout } = await promisify(execFile)("unshare", [
      ...["-m", "--propagation", "private", "sh", "-ec"],
      'mount -t tmpfs -o "$3" none "$0"; exec "$1" "$2" "$0/berth.db" "$4"',
      ...[directory, process.execPath, script, options, how],
    ]);
    assert.equal(stdout, how === "bytes" ? "exhausted 10 10 5" : "taken 11 11 6");
  });
}
