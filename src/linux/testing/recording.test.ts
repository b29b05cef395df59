import assert from "node:assert/strict";
import { it } from "node:test";
import { RecordingCgroups } from "./recording-cgroups.ts";
import { RecordingMounts } from "./recording-mounts.ts";
import { RecordingNamespaces } from "./recording-namespaces.ts";
import { RecordingProcesses } from "./recording-processes.ts";

const soon = () => AbortSignal.timeout(10_000);

it("answers commands as told, and keeps them", async () => {
  const processes = new RecordingProcesses(({ path }) => ({ code: path === "false" ? 1 : 0 }));
  const command = { path: "false", args: [], env: {}, maxOutput: 1 };
  assert.equal((await processes.run(command, soon())).code, 1);
  assert.deepEqual(processes.commands, [command]);
  await assert.rejects(processes.run(command, AbortSignal.abort()), { kind: "cancelled" });
});

it("keeps a mount table", async () => {
  const mounts = new RecordingMounts();
  await mounts.mount("tmpfs", "/a", "tmpfs", ["ro"]);
  await mounts.bind("/x", "/a/b");
  await mounts.bind("/y", "/a/b");
  assert.deepEqual(
    (await mounts.below("/a")).map(({ source }) => source),
    ["/y", "/x", "tmpfs"],
  );
  await mounts.unmount("/a/b");
  assert.deepEqual(
    (await mounts.below("/a")).map(({ target }) => target),
    ["/a"],
  );
  mounts.before = () => {
    throw new Error("told to");
  };
  await assert.rejects(mounts.unmount("/a"), /told to/);
  assert.equal(mounts.calls.at(-1), "unmount /a");
});

it("keeps pins", async () => {
  const namespaces = new RecordingNamespaces();
  const request = { directory: "/p", kinds: ["net"], hostname: "", sysctls: {} } as const;
  await namespaces.pin(request);
  await assert.rejects(namespaces.pin(request), { kind: "alreadyExists" });
  namespaces.files.set("/p/net", new Map([["/proc/net/dev", "lo"]]));
  assert.deepEqual(await namespaces.readWithin("/p/net", ["/proc/net/dev"]), ["lo"]);
  await assert.rejects(namespaces.readWithin("/q/net", []), { kind: "notFound" });
  await namespaces.unpin("/p");
  assert.equal(namespaces.pins.size, 0);
});

it("keeps a tree of groups", async () => {
  const cgroups = new RecordingCgroups();
  await cgroups.create("/a/b");
  cgroups.groups.set("/a/b", [7]);
  assert.deepEqual(await cgroups.processes("/a"), [7]);
  await assert.rejects(cgroups.remove("/a", 0), { kind: "wrongState" });
  await cgroups.killAll("/a", soon());
  await cgroups.remove("/a", 0);
  assert.equal(await cgroups.exists("/a"), false);
  assert.deepEqual(await cgroups.below("/"), []);
  assert.deepEqual([...cgroups.directories("/a").values()], ["/sys/fs/cgroup/a"]);
  assert.equal(new RecordingCgroups(1).directories("/a").get("memory"), "/sys/fs/cgroup/memory/a");
});
