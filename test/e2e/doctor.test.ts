import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { cgroupVersion } from "../harness/cgroup-file.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import { runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

const ghost = "abcdef0123456789".repeat(4);

interface Reported {
  readonly leaks: readonly { what: string; where: string; why: string; remedy: string }[];
}

describe("berth doctor --leaks", privileged, () => {
  let daemon: TestDaemon;
  let stray: ChildProcess | undefined;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "crun" });
    await importBusybox(daemon);
    const pod = await runPod(daemon, "kept");
    await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 999"));
  });

  after(async () => {
    stray?.kill("SIGKILL");
    await daemon.close();
  });

  async function leaks(): Promise<Reported["leaks"]> {
    const { stdout, stderr } = await daemon.command("doctor", "--leaks", "-o", "json");
    assert.equal(stderr, "");
    return (JSON.parse(stdout) as Reported).leaks;
  }

  test("a running pod is no leak, with the daemon or without, and what a runtime keeps for itself is none", async () => {
    const books = join(daemon.workspace.state, "runtime/gvisor");
    const netns = `mkdir -p ${books}; touch ${books}/null-netns; unshare --net=${books}/null-netns true`;
    assert.equal((await daemon.inside("sh", "-ec", netns)).code, 0);
    assert.deepEqual(await leaks(), []);
    await daemon.kill();
    assert.deepEqual(await leaks(), []);
  });

  test("every planted leak is found without the daemon, and its remedy takes it away", async () => {
    const planted = await plant();
    const idle = ["-e", "setInterval(() => {}, 1e6)", `${daemon.workspace.state}/containers/${ghost}`];
    const child = spawn(process.execPath, idle, { stdio: "ignore" });
    stray = child;
    const wanted: [string, string][] = [...planted, ["process", `pid ${child.pid}`]];

    const found = await leaks();
    for (const [what, where] of wanted) {
      const match = found.find((leak) => leak.what === what && leak.where.includes(where));
      assert.ok(match?.why.includes(ghost), `${what} ${where} is in ${JSON.stringify(found, null, 1)}`);
    }
    assert.ok(
      found.every(({ why }) => why.includes(ghost)),
      `nothing else is: ${JSON.stringify(found, null, 1)}`,
    );
    const table = await daemon.command("doctor", "--leaks");
    assert.equal(table.code, 1);
    assert.match(table.stdout, new RegExp(`${found.length} leaked`));

    for (const { remedy } of found.filter((leak) => !leak.remedy.startsWith("the daemon"))) {
      const done = await daemon.inside("sh", "-ec", remedy);
      assert.equal(done.code, 0, `${remedy}: ${done.stderr}`);
    }
    assert.deepEqual(
      (await leaks()).filter(({ remedy }) => !remedy.startsWith("the daemon")),
      [],
    );
  });

  /** One of each kind, as a pod would have left it. @returns what and where it is */
  async function plant(): Promise<[string, string][]> {
    const { state, root, leases, networkName, subnet, cgroupParent } = daemon.workspace;
    const pod = join(state, "pods", ghost);
    const cgroups = cgroupVersion === 2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    const planted: [string, string, string][] = [
      ["mount", join(pod, "shm"), `mkdir -p ${pod}/shm && mount -t tmpfs shm ${pod}/shm`],
      [
        "mount",
        join(pod, "ns/net"),
        `mkdir -p ${pod}/ns; touch ${pod}/ns/net; unshare --net=${pod}/ns/net true`,
      ],
      ["directory", join(state, "containers", ghost), `mkdir -p ${state}/containers/${ghost}/rootfs`],
      ["file", join(state, "exits", ghost), `echo 0 > ${state}/exits/${ghost}`],
      ["cgroup", `${cgroupParent}/${ghost}`, `mkdir -p ${join(cgroups, cgroupParent, ghost)}/berth-${ghost}`],
      ["network", `${subnet}.250`, `printf '${ghost}\\r\\neth0' > ${leases}/${networkName}/${subnet}.250`],
      [
        "network",
        "iptables",
        `iptables -w -t nat -A POSTROUTING -s ${subnet}.250/32 ${commentOf(networkName)} -j ACCEPT`,
      ],
      ["network", join(root, "cni/attached"), `echo '{}' > ${root}/cni/attached/${ghost}.json`],
    ];
    for (const [, , script] of planted) {
      const done = await daemon.inside("sh", "-ec", script);
      assert.equal(done.code, 0, `${script}: ${done.stderr}`);
    }
    return planted.map(([what, where]) => [what, where]);
  }

  test("what a shim left is found: itself, what held a container's pipes, their files", async () => {
    const { state, socket } = daemon.workspace;
    const before = (await leaks()).map(({ where }) => where);
    const ofShim = async () => (await leaks()).filter(({ where }) => !before.includes(where));
    const bundle = join(state, "containers", ghost);
    const books = join(state, "runtime", "runc-shim", "k8s.io", ghost);
    const shim = `-namespace k8s.io -address ${socket} -publish-binary /bin/berth -id ${ghost}`;
    const started = await daemon.inside(
      "sh",
      "-ec",
      `mkdir -p ${bundle} ${books} ${state}/shims/${ghost}; cd ${bundle}
      sh -c 'while :; do sleep 1000; done' shim ${shim} >/dev/null 2>&1 & echo $!
      sleep infinity >/dev/null 2>&1 & echo $!`,
    );
    const pids = started.stdout.trim().split("\n");
    const found = await ofShim();
    assert.deepEqual(
      found.map(({ what, where }) => `${what} ${where}`).toSorted(),
      [
        ...pids.map((pid) => `process pid ${pid}`),
        ...[bundle, books, join(state, "shims", ghost)].map((path) => `directory ${path}`),
      ].toSorted(),
    );
    for (const { remedy } of found) assert.equal((await daemon.inside("sh", "-ec", remedy)).code, 0);
    assert.deepEqual(await ofShim(), []);
  });

  test("a container's layer, an unfinished ingest, an image's layer and a blob that nobody has are found", async () => {
    const { root } = daemon.workspace;
    const snapshots = join(root, "snapshots", "overlay");
    const strays = ["c", "i", "l"].map((kind) => join(snapshots, kind, ghost));
    for (const directory of strays) mkdirSync(directory);
    const blob = join(root, "content", "blobs", "sha256", ghost);
    writeFileSync(blob, "nobody's");
    const found = (await leaks()).map(({ where }) => where);
    for (const path of [...strays, blob]) assert.ok(found.includes(path), path);
  });

  test("what a daemon was killed in the middle of is found while none runs, and a container without a pod", async () => {
    const { state, cgroupParent, root } = daemon.workspace;
    const probe = join(state, "runtime", "crun", "probe-0123456789abcdef");
    const kept = join(state, "netns", ghost);
    const script = `
      mkdir -p ${probe} ${state}/scratch/left ${state}/netns; touch ${kept}
      for tree in /sys/fs/cgroup/freezer /sys/fs/cgroup; do
        test -e $tree/cgroup.procs || continue
        mkdir -p $tree${cgroupParent}/berth-exec-0123456789ab $tree${cgroupParent}/probe-0123456789abcdef
      done`;
    assert.equal((await daemon.inside("sh", "-ec", script)).code, 0);
    const orphan = "fedcba9876543210".repeat(4);
    const database = new DatabaseSync(join(root, "berth.db"));
    const value = JSON.stringify({ podId: ghost, cgroup: "", state: { kind: "exited" } });
    database.prepare("INSERT INTO record (kind, id, value) VALUES ('containers', ?, ?)").run(orphan, value);
    const found = await leaks();
    database.prepare("DELETE FROM record WHERE id = ?").run(orphan);
    database.close();
    for (const where of [
      probe,
      join(state, "scratch/left"),
      kept,
      "berth-exec-0123456789ab",
      "/probe-0123456789abcdef",
    ])
      assert.ok(
        found.some((leak) => leak.where.includes(where)),
        `${where} is in ${JSON.stringify(found, null, 1)}`,
      );
    const record = found.find(({ where }) => where === `container ${orphan}`);
    assert.match(record?.why ?? "", new RegExp(`no record of its pod ${ghost}`));
    for (const { where, remedy } of found.filter(({ where }) => /probe-|exec-|scratch|netns/.test(where)))
      assert.equal((await daemon.inside("sh", "-ec", remedy)).code, 0, `${where}: ${remedy}`);
    assert.ok(!(await leaks()).some(({ where }) => /probe-|exec-|scratch|netns/.test(where)));
  });

  test("a database that is damaged is said to be so", async () => {
    writeFileSync(
      join(daemon.workspace.directory, "broken.toml"),
      `root = "${daemon.workspace.directory}/broken"\n`,
    );
    mkdirSync(join(daemon.workspace.directory, "broken"));
    writeFileSync(
      join(daemon.workspace.directory, "broken", "berth.db"),
      "no database at all, but long enough to be read",
    );
    const said = await daemon.inside(
      "sh",
      "-c",
      `BERTH_CONFIG= ${berthPath} doctor --leaks --config ${daemon.workspace.directory}/broken.toml`,
    );
    assert.equal(said.code, 1);
    assert.match(said.stderr, /reading the records in .*broken\/berth\.db/);
  });

  test("the daemon, started again, takes leaks away itself; rules are left to the plugins that made them", async () => {
    stray?.kill("SIGKILL");
    stray = undefined;
    await plant();
    const { networkName, subnet } = daemon.workspace;
    const rule = `iptables -w -t nat -D POSTROUTING -s ${subnet}.250/32 ${commentOf(networkName)} -j ACCEPT`;
    assert.equal((await daemon.inside("sh", "-c", rule)).code, 0);
    await daemon.launch();
    const { items } = await daemon.pods.listPodSandbox({});
    for (const { id } of items) {
      await daemon.pods.stopPodSandbox({ podSandboxId: id });
      await daemon.pods.removePodSandbox({ podSandboxId: id });
    }
    await assertNoLeaks(daemon);
  });
});

function commentOf(networkName: string): string {
  return `-m comment --comment 'name: "${networkName}" id: "${ghost}"'`;
}

const berthPath = new URL("../../bin/berth", import.meta.url).pathname;
