import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { makeChanges } from "../../linux/file-changes.ts";
import { RecordingCgroups } from "../../linux/testing/recording-cgroups.ts";
import { RecordingMounts } from "../../linux/testing/recording-mounts.ts";
import { identityOf } from "../identity-of.ts";
import { removeKataBooks } from "./kata-books.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-kata-books-"));
after(() => rmSync(directory, { recursive: true }));
const [sandboxes, machines, shared] = ["sbs", "vm", "shared"].map((name) => join(directory, name)) as [
  string,
  string,
  string,
];
const places = { books: [sandboxes, machines], shared, overhead: "/overhead" };
const handler = { type: "io.containerd.kata-fc.v2", program: "/opt/shim" };
const signal = new AbortController().signal;
let cgroups: RecordingCgroups;
let mounts: RecordingMounts;
const host = () => ({
  cgroups,
  mounts,
  files: { change: async (changes: Parameters<typeof makeChanges>[0]) => makeChanges(changes) },
});
const left = (pod: string) => [sandboxes, machines, shared].filter((parent) => existsSync(join(parent, pod)));

beforeEach(async () => {
  cgroups = new RecordingCgroups();
  mounts = new RecordingMounts();
  for (const pod of ["ended", "other"]) {
    mkdirSync(join(sandboxes, pod, "container"), { recursive: true });
    writeFileSync(join(sandboxes, pod, "persist.json"), "{}");
    mkdirSync(join(machines, pod), { recursive: true });
    mkdirSync(join(shared, pod, "mounts", "volume"), { recursive: true });
    writeFileSync(join(shared, pod, "mounts", "hosts"), "");
    await cgroups.create(`/overhead/${pod}`);
  }
});

test("of a sandbox that has ended nothing is left on Kata's books, and another's stay", async () => {
  await removeKataBooks({ group: "ended", handler }, host(), signal, places);
  assert.deepEqual(left("ended"), []);
  assert.equal(await cgroups.exists("/overhead/ended"), false);
  assert.equal(left("other").length, 3);
  assert.ok(await cgroups.exists("/overhead/other"));
});

test("where something is mounted is left alone", async () => {
  const volume = join(shared, "ended", "mounts", "volume");
  await mounts.bind("/var/volume", volume);
  await removeKataBooks({ group: "ended", handler }, host(), signal, places);
  assert.deepEqual(left("ended"), [shared]);
  assert.ok(existsSync(volume));
});

test("a machine that lives on keeps its books", async () => {
  const init = identityOf(process.pid, "this process");
  await removeKataBooks({ group: "ended", handler, init }, host(), signal, places);
  assert.equal(left("ended").length, 3);
});

test("of another shim's sandbox nothing is looked for", async () => {
  const runsc = { type: "io.containerd.runsc.v1", program: "/usr/bin/containerd-shim-runsc-v1" };
  await removeKataBooks({ group: "ended", handler: runsc }, host(), signal, places);
  assert.equal(left("ended").length, 3);
  assert.ok(await cgroups.exists("/overhead/ended"));
});
