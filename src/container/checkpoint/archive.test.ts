import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isFault } from "../../base/fault.ts";
import type { ImageRecord, Images } from "../../image/contract.ts";
import type { OciConfig } from "../../spec/oci-runtime.ts";
import { findCheckpoint } from "./find-checkpoint.ts";
import { withItsMounts } from "./restorable.ts";
import { requireLocation, writeArchive } from "./write-archive.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-archive-"));
after(() => rmSync(directory, { recursive: true }));
const at = (name: string) => join(directory, name);
const never = new AbortController().signal;

test("an archive has all its parts, is its owner's alone, and is never written over", async () => {
  mkdirSync(at("images"));
  for (const name of ["b.img", "a.img"]) writeFileSync(at(`images/${name}`), name.repeat(100_000));
  writeFileSync(at("log"), "one\ntwo\n");
  const parts = [
    { name: "container.log", path: at("log"), size: 4 },
    { name: "not.there", path: at("nothing") },
    { name: "checkpoint/", path: at("images") },
  ];
  await requireLocation(at("one.tar"));
  await writeArchive(at("one.tar"), parts, never);
  assert.equal(statSync(at("one.tar")).mode & 0o777, 0o600);
  const listed = execFileSync("tar", ["-tf", at("one.tar")], { encoding: "utf8" });
  assert.equal(listed, "container.log\ncheckpoint/\ncheckpoint/a.img\ncheckpoint/b.img\n");
  const log = execFileSync("tar", ["-xOf", at("one.tar"), "container.log"], { encoding: "utf8" });
  assert.equal(log, "one\n", "no more of the log than was there");
  const exists = (error: unknown) => isFault(error, "alreadyExists");
  await assert.rejects(requireLocation(at("one.tar")), exists);
  await assert.rejects(writeArchive(at("one.tar"), parts, never), exists);
});

test("an archive that does not come to its end leaves nothing", async () => {
  const before = readdirSync(directory);
  const parts = [{ name: "checkpoint/", path: at("images") }];
  await assert.rejects(writeArchive(at("two.tar"), parts, AbortSignal.abort()), /cancelled/);
  assert.deepEqual(readdirSync(directory), before);
});

test("a location must be the place of a new file", async () => {
  for (const location of ["relative.tar", "", "/a/../b", `${directory}/`, at("no-such/a.tar"), "/tmp/\0"]) {
    await assert.rejects(requireLocation(location), (error) => isFault(error, "invalid"), location);
  }
});

const image = { id: "sha256:1" } as ImageRecord;
const images = { find: (name) => (name === "here" ? image : undefined) } as Images;
const config = JSON.stringify({
  name: "web",
  rootfsImageRef: "here",
  checkpointedTime: "2026-01-01T00:00:00Z",
});
const spec = JSON.stringify({
  process: { args: ["sh"] },
  mounts: [
    { destination: "/proc", type: "proc" },
    { destination: "/data", type: "bind" },
  ],
});

function checkpointOf(files: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(at("made-"));
  mkdirSync(join(path, "checkpoint"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  execFileSync("tar", ["-C", path, "-cf", `${path}.tar`, "."]);
  return `${path}.tar`;
}

const found = (from: string) => findCheckpoint({ from, prefix: "" }, images, never);

test("a checkpoint tells of its container, its image and its mounts", async () => {
  const whole = { "config.dump": config, "spec.dump": spec, "checkpoint/inventory.img": "" };
  const checkpoint = await found(checkpointOf(whole));
  assert.equal(checkpoint.image, image);
  assert.equal(checkpoint.origin.checkpointedAt, "2026-01-01T00:00:00Z");
  const oci = (...paths: string[]) =>
    ({ mounts: paths.map((destination) => ({ destination })) }) as unknown as OciConfig;
  const given = oci("/proc", "/data");
  assert.equal(withItsMounts(checkpoint, given, "/empty"), given);
  assert.throws(() => withItsMounts(checkpoint, oci("/proc"), "/empty"), /mounts at \/data$/);
  const ofCrio = {
    spec: { ...checkpoint.spec, mounts: [{ destination: "/run/.containerenv", type: "bind" }] },
  };
  const { mounts } = withItsMounts(ofCrio, given, "/empty");
  assert.deepEqual(mounts.at(-1)?.source, "/empty", "what the runtime itself had put in is given");
});

test("what is no checkpoint, or one of an image that is not here, is refused with the reason", async () => {
  const rest = { "spec.dump": spec, "checkpoint/inventory.img": "" };
  const cases: readonly [string, RegExp][] = [
    [at("nothing.tar"), /can't be read/],
    [at("log"), /cut short|not a tar|damaged|lacks/],
    [checkpointOf(rest), /lacks config.dump/],
    [checkpointOf({ ...rest, "config.dump": "[" }), /config.dump is not JSON/],
    [checkpointOf({ ...rest, "config.dump": '{"name":3}' }), /config.dump: name/],
    [checkpointOf({ ...rest, "config.dump": config, "spec.dump": "{}" }), /spec.dump: process/],
    [checkpointOf({ "config.dump": config, "spec.dump": spec }), /no images of CRIU/],
    [
      checkpointOf({ ...rest, "config.dump": `{"rootfsImageRef":"${"a".repeat(64)}"}` }),
      /is not on this node/,
    ],
  ];
  for (const [from, why] of cases) {
    await assert.rejects(found(from), (error) => {
      const told =
        String(error) + String((error as Error).cause) + String(((error as Error).cause as Error)?.cause);
      assert.match(told, why);
      return isFault(error);
    });
  }
});
