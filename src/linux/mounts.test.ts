import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { hostMounts } from "./mounts.ts";

const isRoot = process.getuid?.() === 0;

describe("hostMounts", { skip: isRoot ? false : "NOT RUN: mounting needs root" }, () => {
  const mounts = hostMounts();
  let base: string;
  const at = (name: string) => join(base, name);

  beforeEach(async () => {
    base = mkdtempSync(join(tmpdir(), "berth-mounts-"));
    await mounts.mount("berth-test", base, "tmpfs", ["size=8m", "mode=0755", "nosuid", "private"]);
    mkdirSync(at("a/sub"), { recursive: true });
    mkdirSync(at("b"));
    writeFileSync(at("a/file"), "from a");
  });
  afterEach(async () => {
    for (const { target } of await mounts.below(base)) await mounts.unmount(target);
    assert.deepEqual(await mounts.below(base), []);
    rmSync(base, { recursive: true });
  });

  it("mounts with flags, data and propagation, and lists what it did", async () => {
    const [entry] = await mounts.below(base);
    assert.equal(entry?.type, "tmpfs");
    assert.equal(entry?.source, "berth-test");
    assert.match(entry?.options ?? "", /nosuid/);
    assert.match(entry?.superOptions ?? "", /size=8192k/);
    await assert.rejects(mounts.mount("x", at("b"), "nosuchfs", []), /mounting nosuchfs at/);
  });

  it("finds targets with spaces, tabs and backslashes", async () => {
    const odd = at("with space\tand\\tab ä");
    mkdirSync(odd);
    await mounts.bind(at("a"), odd);
    assert.equal((await mounts.below(odd))[0]?.target, odd);
  });

  it("binds read-only, recursively or not, without touching the source", async () => {
    await mounts.mount("inner", at("a/sub"), "tmpfs", []);
    await mounts.bind(at("a"), at("b"), { recursive: true, readonly: true });
    assert.throws(() => writeFileSync(at("b/sub/new"), ""), { code: "EROFS" });
    assert.throws(() => writeFileSync(at("b/file"), ""), { code: "EROFS" });
    writeFileSync(at("a/sub/new"), "");
    assert.deepEqual(
      (await mounts.below(at("b"))).map((entry) => entry.target),
      [at("b/sub"), at("b")],
    );
    await mounts.unmount(at("b/sub"));
    await mounts.unmount(at("b"));
    await mounts.bind(at("a"), at("b"));
    assert.equal(readFileSync(at("b/file"), "utf8"), "from a");
    assert.ok(!existsSync(at("b/sub/new")));
  });

  it("binds with every attribute and propagation, the mounts below as well", async () => {
    await mounts.mount("inner", at("a/sub"), "tmpfs", ["shared"]);
    const all = { readonly: true, nosuid: true, nodev: true, noexec: true } as const;
    await mounts.bind(at("a"), at("b"), { recursive: true, ...all, propagation: "private" });
    for (const { options } of await mounts.below(at("b"))) assert.match(options, /^ro,nosuid,nodev,noexec/);
    await mounts.mount("later", at("a/sub"), "tmpfs", []);
    assert.equal((await mounts.below(at("b"))).length, 2, "what comes at the source stays there");
  });

  it("binds with the ids of a user namespace", async () => {
    const holder = spawn("unshare", ["--user", "cat"], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      holder.stdin.write("\n");
      await once(holder.stdout, "data"); // it runs in the namespace now
      for (const kind of ["uid", "gid"]) writeFileSync(`/proc/${holder.pid}/${kind}_map`, "0 100000 65536");
      await mounts.bind(at("a"), at("b"), { recursive: true, idmap: `/proc/${holder.pid}/ns/user` });
      const { uid, gid } = statSync(at("b/file"));
      assert.deepEqual([uid, gid], [100_000, 100_000]);
      assert.equal(statSync(at("a/file")).uid, 0);
    } finally {
      holder.kill();
    }
    await assert.rejects(mounts.bind(at("a"), at("a/sub"), { idmap: at("a/file") }), /binding .*a\/sub/);
  });

  it("takes away everything that is stacked on a target, and what is not there", async () => {
    await mounts.mount("one", at("b"), "tmpfs", []);
    await mounts.mount("two", at("b"), "tmpfs", []);
    assert.equal((await mounts.below(at("b"))).length, 2);
    await mounts.unmount(at("b"));
    assert.equal((await mounts.below(at("b"))).length, 0);
    await mounts.unmount(at("b"));
    await mounts.unmount(at("not there"));
    await mounts.unmount(at("a/file/below"));
  });

  it("detaches a mount that stays busy", async () => {
    await mounts.mount("busy", at("b"), "tmpfs", []);
    writeFileSync(at("b/open"), "");
    const fd = openSync(at("b/open"), "r");
    try {
      await mounts.unmount(at("b"));
    } finally {
      closeSync(fd);
    }
    assert.deepEqual(await mounts.below(at("b")), []);
  });

  it("mounts an overlay whose layers' names do not fit into a page", async () => {
    const name = "l".repeat(80);
    const lowers = Array.from({ length: 130 }, (_, index) => at(`lower/${name}${index}`));
    for (const lower of lowers) mkdirSync(lower, { recursive: true });
    writeFileSync(join(lowers[0] ?? "", "shared"), "top");
    writeFileSync(join(lowers[129] ?? "", "shared"), "bottom");
    writeFileSync(join(lowers[129] ?? "", "deep"), "bottom");
    mkdirSync(at("upper"));
    mkdirSync(at("work"));
    const options = [
      `lowerdir=${lowers.join(":")}`,
      `upperdir=${at("upper")}`,
      `workdir=${at("work")}`,
      "index=off",
    ];
    const fds = statSync("/proc/self/fd").nlink;
    await mounts.mount("overlay", at("b"), "overlay", options);
    assert.equal(statSync("/proc/self/fd").nlink, fds);
    assert.equal(readFileSync(at("b/shared"), "utf8"), "top");
    assert.equal(readFileSync(at("b/deep"), "utf8"), "bottom");
    writeFileSync(at("b/new"), "");
    assert.ok(existsSync(at("upper/new")));
    const tooMany = [`lowerdir=${Array(400).fill(lowers[0]).join(":")}`];
    await assert.rejects(mounts.mount("overlay", at("a"), "overlay", tooMany), { kind: "exhausted" });
  });
});
