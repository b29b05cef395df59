import assert from "node:assert/strict";
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Journal, type JournalFields } from "./journal.ts";
import { isJournalStream } from "./journal-stream.ts";
import { DatagramReceiver } from "./testing/datagram-receiver.ts";

const missing = (count: number): JournalFields => ({ MESSAGE: `${count} are missing` });

describe("entries for the journal", () => {
  let base: string;
  let path: string;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), "berth-journal-"));
    path = join(base, "socket");
  });
  afterEach(() => rmSync(base, { recursive: true }));

  it("have a line a field, and the length of what has several lines", () => {
    using receiver = new DatagramReceiver(path);
    const journal = new Journal(missing, path);
    journal.write({ MESSAGE: "größer = besser", PRIORITY: "6" });
    journal.write({ MESSAGE: "two\nlines", BERTH_POD: "abc" });
    assert.equal(receiver.take()?.text.toString(), "MESSAGE=größer = besser\nPRIORITY=6\n");
    const length = Buffer.alloc(8);
    length.writeUInt8(9);
    const parts = [Buffer.from("MESSAGE\n"), length, Buffer.from("two\nlines\nBERTH_POD=abc\n")];
    assert.deepEqual(receiver.take()?.text, Buffer.concat(parts));
    assert.equal(receiver.take(), undefined);
  });

  it("go in a sealed file when they are larger than a datagram may be", () => {
    using receiver = new DatagramReceiver(path);
    const journal = new Journal(missing, path);
    const long = "0123456789".repeat(50_000);
    journal.write({ MESSAGE: long });
    journal.write({ MESSAGE: "short" });
    const first = receiver.take();
    assert.equal(first?.asFile, true);
    assert.equal(first.text.toString(), `MESSAGE=${long}\n`);
    assert.deepEqual(receiver.take(), { text: Buffer.from("MESSAGE=short\n"), asFile: false });
  });

  it("wait in order while journald takes nothing or is not there", async () => {
    const journal = new Journal(missing, path);
    journal.write({ MESSAGE: "0" });
    using receiver = new DatagramReceiver(path);
    // More than the kernel queues for a receiver.
    const all = Array.from({ length: 300 }, (_, index) => `MESSAGE=${index}\n`);
    for (let index = 1; index < all.length; index++) journal.write({ MESSAGE: String(index) });
    const got: string[] = [];
    for (const until = Date.now() + 20_000; got.length < all.length && Date.now() < until; await sleep(1))
      got.push(...receiver.takeTexts());
    assert.deepEqual(got, all);
  });

  it("beyond what may wait are let go, the oldest first, and the journal is told", async () => {
    const most = 1000;
    const journal = new Journal(missing, path, most);
    const entries = Array.from({ length: 300 }, (_, index) => `MESSAGE=${String(index).padStart(41, "0")}\n`);
    for (const entry of entries) journal.write({ MESSAGE: entry.slice("MESSAGE=".length, -1) });
    using receiver = new DatagramReceiver(path);
    journal.flush(0);
    const kept = Math.floor(most / (entries[0]?.length ?? 0));
    const expected = [`MESSAGE=${entries.length - kept} are missing\n`, ...entries.slice(-kept)];
    const got: string[] = [];
    for (
      const until = Date.now() + 20_000;
      got.length < expected.length && Date.now() < until;
      await sleep(1)
    ) {
      got.push(...receiver.takeTexts());
    }
    assert.deepEqual(got, expected);
  });

  it("hold up the end of a process for so long and no longer", () => {
    const journal = new Journal(missing, path);
    journal.write({ MESSAGE: "for nobody" });
    const began = performance.now();
    journal.flush(50);
    assert.ok(performance.now() - began >= 50);
  });
});

it("a stream is the journal's when the environment says its device and inode", () => {
  const fd = openSync("/dev/null", "r");
  const { dev, ino } = fstatSync(fd);
  assert.equal(isJournalStream(fd, {}), false);
  assert.equal(isJournalStream(fd, { JOURNAL_STREAM: `${dev}:${ino}` }), true);
  assert.equal(isJournalStream(fd, { JOURNAL_STREAM: `${dev}:${ino + 1}` }), false);
  closeSync(fd);
  assert.equal(isJournalStream(fd, { JOURNAL_STREAM: `${dev}:${ino}` }), false);
});
