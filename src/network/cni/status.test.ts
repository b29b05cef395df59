import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { NetworkWorkspace, podToAttach, unhurried } from "../testing/network-workspace.ts";

test("pods can be attached when the first valid configuration's plugins are there", async () => {
  await using workspace = await NetworkWorkspace.make();
  const network = await workspace.open();
  assert.match((await network.status()) ?? "", /there is no CNI configuration in .*net\.d$/);
  await assert.rejects(network.attach(podToAttach(), unhurried()), {
    kind: "unavailable",
    message: /no CNI conf/,
  });

  await workspace.configure("10-bad.conf", "{");
  await workspace.configure("ignored.txt", "{");
  assert.match((await network.status()) ?? "", /no usable CNI configuration .*10-bad\.conf: it is no JSON/);

  await workspace.configure("20-good.json", {
    cniVersion: "1.0.0",
    name: "good",
    type: "one",
    ipam: { type: "two" },
  });
  await workspace.configure("30-late.conf", { cniVersion: "1.0.0", name: "late", type: "absent" });
  assert.match((await network.status()) ?? "", /network "good": there is no plugin one in .*bin$/);
  await workspace.plugin("one");
  assert.match((await network.status()) ?? "", /there is no plugin two/);
  await workspace.plugin("two");
  assert.equal(await network.status(), undefined);

  await rm(workspace.confDir, { recursive: true });
  assert.match((await network.status()) ?? "", /there is no CNI configuration/);
});

test("configurations of a wrong form are refused with the reason", async () => {
  await using workspace = await NetworkWorkspace.make();
  const network = await workspace.open();
  const refused: [unknown, RegExp][] = [
    [
      { cniVersion: "9.0.0", name: "a", plugins: [{ type: "x" }] },
      /"9\.0\.0" is not known; berth speaks 0\.1\.0 to/,
    ],
    [{ cniVersion: "1.0.0", name: "../a", plugins: [{ type: "x" }] }, /"name" must be/],
    [
      { cniVersion: "1.0.0", name: "a", plugins: [{ type: "../../bin/sh" }] },
      /"plugins\[0\]\.type" must be the file name/,
    ],
    [{ cniVersion: "1.0.0", name: "a", plugins: [] }, /names no plugin/],
    [
      { cniVersion: "0.2.0", name: "a", plugins: [{ type: "x" }, { type: "y" }] },
      /lists need cniVersion 0\.3\.0/,
    ],
    [{ cniVersion: "1.0.0", name: "a", plugins: {} }, /"plugins" must be a list/],
    [
      { cniVersion: "1.0.0", name: "a", plugins: [{ type: "x", capabilities: { dns: 1 } }] },
      /capabilities" must hold/,
    ],
    [[], /must be a JSON object/],
    ["x".repeat(2 ** 20 + 1), /larger than 1048576 bytes/],
  ];
  for (const [content, reason] of refused) {
    await workspace.configure("10.conflist", content);
    assert.match((await network.status()) ?? "", reason);
  }
});

test("a network finds the plugins in the directory of its name", async () => {
  await using workspace = await NetworkWorkspace.make();
  for (const name of ["one", "two"]) await workspace.plugin(name);
  await workspace.configure("10.conflist", { cniVersion: "1.1.0", name: "net", plugins: [{ type: "one" }] });
  await mkdir(join(workspace.confDir, "net"));
  const network = await workspace.open();
  assert.equal(await network.status(), undefined);
  await writeFile(join(workspace.confDir, "net", "a.conf"), '{"type":"two"}');
  await network.attach(podToAttach(), unhurried());
  const added = (await workspace.calls()).filter(({ command }) => command === "ADD");
  assert.deepEqual(
    added.map(({ plugin }) => plugin),
    ["one", "two"],
  );
});

test("plugins of 1.1 are asked for their status, and the answer is kept for a while", async () => {
  await using workspace = await NetworkWorkspace.make();
  await workspace.plugin("one");
  await workspace.configure("10.conf", {
    cniVersion: "1.0.0",
    cniVersions: ["1.1.0"],
    name: "net",
    type: "one",
  });
  await workspace.behave("one", "STATUS", `echo '{"code":50,"msg":"no agent"}'; exit 1`);
  const network = await workspace.open();
  const expected = 'network "net": plugin one, STATUS failed: no agent (CNI error 50)';
  assert.equal(await network.status(), expected);
  assert.equal(await network.status(), expected);
  assert.equal((await workspace.calls()).length, 1);
});

test("plugins of 1.1 are told what is valid, where the settings say so", async () => {
  await using workspace = await NetworkWorkspace.make();
  await workspace.plugin("one");
  await workspace.configure("10.conf", { cniVersion: "1.1.0", name: "net", type: "one" });
  const network = await workspace.open({ collectGarbage: true });
  const [known, unknown] = [podToAttach(), podToAttach()];
  for (const pod of [known, unknown]) await network.attach(pod, unhurried());
  await network.sweep((id) => id === known.id, unhurried());
  const collected = (await workspace.calls()).filter(({ command }) => command === "GC");
  assert.deepEqual(
    collected.map(({ config }) => config["cni.dev/valid-attachments"]),
    [[{ containerID: known.id, ifname: "eth0" }]],
  );
});
