import assert from "node:assert/strict";
import { constants, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { mknodAt } from "../../linux/files-at.ts";
import { openDirectory } from "../../linux/open-beneath.ts";
import { exampleSecurity } from "./testing/example.ts";
import { findUser } from "./user-lookup.ts";

let base: string;
const at = (...path: string[]) => join(base, ...path);
const find = (imageUser: string) => findUser(at("rootfs"), exampleSecurity, imageUser);

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "berth-user-"));
  mkdirSync(at("rootfs/etc"), { recursive: true });
  mkdirSync(at("rootfs/usr/etc"), { recursive: true });
  mkdirSync(at("outside"));
  writeFileSync(at("outside/passwd"), "app:x:1:1:::\n");
});
afterEach(() => rmSync(base, { recursive: true }));

function makePipe(directory: string, name: string): void {
  using parent = openDirectory(directory);
  mknodAt(parent.fd, name, constants.S_IFIFO | 0o644, 0n);
}

test("an image without users has root and every number", async () => {
  assert.deepEqual(await find(""), { uid: 0, gid: 0, supplementalGroups: [0] });
  assert.deepEqual(await find("77"), { uid: 77, gid: 0, supplementalGroups: [0] });
  await assert.rejects(find("app"), (error) => isFault(error, "invalid"));
});

test("links are followed as the container would, never out of its root", async () => {
  writeFileSync(at("rootfs/usr/etc/passwd"), "app:x:1000:1000:::\n");
  symlinkSync("/usr/etc/passwd", at("rootfs/etc/passwd"));
  assert.equal((await find("app")).uid, 1000);
  for (const target of [at("outside/passwd"), "../../outside/passwd", "/proc/self/root/etc/passwd"]) {
    rmSync(at("rootfs/etc/passwd"));
    symlinkSync(target, at("rootfs/etc/passwd"));
    await assert.rejects(find("app"), (error) => isFault(error, "invalid") && /no user/.test(error.message));
  }
  rmSync(at("rootfs/etc"), { recursive: true });
  symlinkSync(at("outside"), at("rootfs/etc"));
  await assert.rejects(find("app"), (error) => isFault(error, "invalid") && /no user/.test(error.message));
});

test("what is no regular file of bounded size is refused without being opened", async () => {
  makePipe(at("rootfs/etc"), "passwd");
  await assert.rejects(find("app"), (error) => isFault(error, "invalid") && /regular/.test(error.message));
  rmSync(at("rootfs/etc/passwd"));
  mkdirSync(at("rootfs/etc/passwd"));
  await assert.rejects(find("app"), (error) => isFault(error, "invalid") && /regular/.test(error.message));
  rmSync(at("rootfs/etc/passwd"), { recursive: true });
  symlinkSync("passwd", at("rootfs/etc/passwd"));
  await assert.rejects(find("app"), (error) => isFault(error, "invalid") && /ring/.test(error.message));
  rmSync(at("rootfs/etc/passwd"));
  writeFileSync(at("rootfs/etc/passwd"), Buffer.alloc(1024 * 1024 + 1, "#"));
  await assert.rejects(find("app"), (error) => isFault(error, "exhausted"));
  writeFileSync(at("rootfs/etc/passwd"), `${"#".repeat(1024 * 1024 - 20)}\napp:x:9:9:::\n`);
  assert.equal((await find("app")).uid, 9);
});
