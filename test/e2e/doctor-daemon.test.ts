import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { cgroupVersion } from "../harness/cgroup-file.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { assertFound, type Examination } from "../harness/doctor.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { removeAllPods, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

describe("berth doctor beside a daemon", privileged, () => {
  let daemon: TestDaemon;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "crun" });
  });

  after(() => daemon.close());

  async function examine(...args: string[]): Promise<Examination> {
    const { code, stdout, stderr } = await daemon.command("doctor", ...args, "-o", "json");
    assert.equal(stderr, "");
    return { code, ...JSON.parse(stdout) };
  }

  test("its own view counts: what it tried out, its driver, its pid", async () => {
    const found = await examine("daemon", "sockets", "runtimes", "permissions", "network", "limits");
    assert.equal(found.code, 0, JSON.stringify(found.findings, null, 1));
    assertFound(
      found,
      "ok",
      new RegExp(`berth .* answers at ${daemon.workspace.socket} \\(pid ${daemon.pid}\\)`),
    );
    assertFound(found, "ok", /berth listens/);
    assertFound(found, "ok", /^crun \(default\): .*crun version/);
    assertFound(found, "ok", /iptables, veth and bridge work/);
    const besideSystemd = cgroupVersion === 2 && existsSync("/run/systemd/system");
    if (besideSystemd)
      assertFound(await examine("cgroups"), "warning", /cgroup driver is cgroupfs beside systemd/);
    else assertFound(await examine("cgroups"), "ok", /cgroup driver cgroupfs/);
  });

  test("snapshotters that work, and one that can't", async () => {
    const extraConfig = '[runtime.handlers.limited]\nbinary = "crun"\nsnapshotter = "devmapper"\n';
    const other = await TestDaemon.start({ runtime: "crun", extraConfig });
    try {
      const { stdout } = await other.command("doctor", "runtimes", "-o", "json");
      const found = { code: 1, ...JSON.parse(stdout) };
      assertFound(found, "ok", /^snapshotter overlay \(usual\) works in /);
      assertFound(
        found,
        "problem",
        /^snapshotter devmapper does not work: .*pool names no thin pool/,
        /what it needs/,
      );
    } finally {
      await other.close();
    }
  });

  test("a report for people: a line a finding, no colours in a pipe; the list; names that are no check", async () => {
    await importBusybox(daemon);
    const pod = await runPod(daemon, "beside");
    await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 999"));
    const { code, stdout } = await daemon.command("doctor", "config", "daemon", "runtimes", "leaks");
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^config\n {2}ok {7}\/.*config\.toml\n\ndaemon\n {2}ok {7}berth /);
    assert.match(stdout, /\nleaks\n {2}ok {7}nothing leaked\n/);
    assert.match(stdout, /\n\nno problems, no warnings, .*\d+ ok\n$/);
    assert.ok(!stdout.includes("\u001b"));
    const listed = await daemon.command("doctor", "--list");
    assert.match(listed.stdout, /^registries {2,}whether the registries and mirrors/m);
    const unknown = await daemon.command("doctor", "registry");
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /registries/);
  });

  test("a handler that is there but can't work here is told by the daemon's trial", async () => {
    const script = join(daemon.workspace.directory, "half-crun");
    const refuses =
      '#!/bin/sh\nfor word; do [ "$word" = create ] && { echo "no such luck" >&2; exit 1; }; done\nexec crun "$@"\n';
    writeFileSync(script, refuses, { mode: 0o755 });
    const dropIns = join(dirname(daemon.workspace.configFile), "config.d");
    mkdirSync(dropIns);
    writeFileSync(join(dropIns, "half.toml"), `[runtime.handlers.half]\nbinary = "${script}"\n`);
    await daemon.stop();
    assertFound(await examine("runtimes"), "ok", /^half: .*half-crun/); // its program and version are all that shows
    await daemon.launch();
    const found = await examine("runtimes");
    assert.equal(found.code, 1);
    assertFound(found, "problem", /handler half does not work: .*no such luck/, /handlers\.half\.binary/);
  });

  test("a record that was set aside, what is left without a record, and a daemon that is gone", async () => {
    await removeAllPods(daemon);
    await daemon.stop();
    const gone = await examine("daemon");
    assert.equal(gone.code, 0);
    assertFound(gone, "warning", /the daemon does not run/, /berth serve/);
    assert.equal((await examine("daemon", "--strict")).code, 1);

    const database = new DatabaseSync(join(daemon.workspace.root, "berth.db"));
    const id = "0123456789abcdef".repeat(4);
    database.prepare("INSERT INTO record (kind, id, value) VALUES ('pod_sandboxes', ?, '{ damaged')").run(id);
    database.close();
    await daemon.launch();
    const found = await examine("daemon");
    assertFound(
      found,
      "warning",
      new RegExp(`pod_sandboxes/${id} could not be read and was set aside`),
      /--leaks/,
    );

    await daemon.stop();
    mkdirSync(join(daemon.workspace.state, "containers", "f".repeat(64)));
    assertFound(await examine("leaks"), "warning", /^1 leaked: directory 1$/, /berth doctor --leaks/);
  });
});
