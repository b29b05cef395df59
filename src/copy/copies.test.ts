import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { privileged } from "../../test/harness/privileged.ts";
import { isFault } from "../base/fault.ts";
import { hostMounts } from "../linux/mounts.ts";
import { tarEnd, tarHeader, tarPadding } from "../wire/tar/write.ts";
import type { CopyCall, CopyRoot } from "./contract.ts";
import { Copies, type RunningCopy } from "./copies.ts";

const from = (path: string): CopyCall => ({ way: "from", path, followLink: false });
const to = (path: string): CopyCall => ({ way: "to", path, archive: true, extract: false });

function tarOf(name: string, data: string, ids: { uid: number; gid: number }): Buffer {
  const header = tarHeader({ name, size: data.length, ...ids });
  return Buffer.concat([header, Buffer.from(data), tarPadding(data.length), tarEnd]);
}

describe("copies, each on a thread", privileged, () => {
  const copies = new Copies();
  const mounts = hostMounts();
  let directory: string;
  let holder: ChildProcess;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), "berth-copies-"));
    mkdirSync(join(directory, "root"));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  async function put(root: CopyRoot, path: string, tar: Uint8Array): Promise<void> {
    const copy = copies.start(root, to(path));
    copy.stdin?.on("error", () => undefined).end(tar);
    await copy.exited;
  }

  async function get(root: CopyRoot, path: string): Promise<Buffer> {
    const copy = copies.start(root, from(path));
    const [tar] = await Promise.all([buffer(copy.stdout ?? assert.fail()), copy.exited]);
    return tar;
  }

  test("a tar goes in and comes out; what fails is told as a fault", async () => {
    const root = { directory: join(directory, "root") };
    await put(root, "/file", tarOf("x", "content", { uid: 0, gid: 0 }));
    assert.equal(readFileSync(join(directory, "root/file"), "utf8"), "content");
    assert.ok((await get(root, "/file")).includes("content"));
    await assert.rejects(get(root, "/absent"), (error) => isFault(error, "notFound"));
    await assert.rejects(put(root, "/d", Buffer.alloc(512, "x")), (error) => isFault(error, "corrupt"));
    const stranger = { pid: process.pid, startTicks: 1 };
    await assert.rejects(get({ ...root, process: stranger }, "/file"), (error) =>
      isFault(error, "wrongState"),
    );
  });

  test("a client that goes away ends its copy; too many at once are refused", async () => {
    const root = { directory: join(directory, "root") };
    writeFileSync(join(directory, "root/large"), Buffer.alloc(16 << 20));
    const running: RunningCopy[] = [];
    assert.throws(
      () => {
        for (;;) running.push(copies.start(root, from("/large")));
      },
      (error) => isFault(error, "exhausted"),
    );
    for (const copy of running) await copy.kill();
    for (const copy of running) await assert.rejects(copy.exited, (error) => isFault(error, "cancelled"));
    assert.ok((await get(root, "/large")).length > 16 << 20, "there is room again");
    assert.equal(await text(copies.start(root, from("/file")).stderr), "");
  });

  test("in a user namespace, owners are the container's, and its root makes files", async () => {
    holder = spawn("unshare", ["--user", "cat"], { stdio: ["pipe", "pipe", "inherit"] });
    const shown = join(directory, "shown");
    mkdirSync(shown);
    try {
      holder.stdin?.write("\n");
      await once(holder.stdout ?? assert.fail(), "data"); // it runs in the namespace now
      for (const kind of ["uid", "gid"]) writeFileSync(`/proc/${holder.pid}/${kind}_map`, "0 100000 65536");
      await mounts.bind(join(directory, "root"), shown, { idmap: `/proc/${holder.pid}/ns/user` });
      const range = [{ hostId: 100_000, containerId: 0, length: 65_536 }];
      const root = { directory: shown, ids: { uids: range, gids: range } };
      await put(root, "/owned", tarOf("x", "content", { uid: 33, gid: 7 }));
      const { uid, gid } = statSync(join(directory, "root/owned"));
      assert.deepEqual([uid, gid], [33, 7], "on disk as in the container");
      assert.equal(statSync(join(shown, "owned")).uid, 100_033);
      const tar = await get(root, "/owned");
      assert.equal(tar.toString("latin1", 108, 115), "0000041", "33 in octal");
      // shown without the namespace's ids, as after a boot
      await put(
        { ...root, directory: join(directory, "root") },
        "/plain",
        tarOf("x", "", { uid: 33, gid: 7 }),
      );
      assert.equal(statSync(join(directory, "root/plain")).uid, 33);
    } finally {
      holder.kill();
      await mounts.unmount(shown);
    }
  });
});
