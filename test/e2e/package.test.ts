import assert from "node:assert/strict";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ContainerState, NamespaceMode } from "../../src/wire/gen/runtime.v1.ts";
import { runProgram } from "../harness/command.ts";
import { installPackage, makePackage, repackaged } from "../harness/debian-package.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { InstalledNode, succeeded } from "../harness/installed-node.ts";
import {
  containerStatus,
  eventually,
  type MadePod,
  removeAllPods,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { hostRunsSystemd } from "../harness/systemd.ts";

const skip =
  process.env.BERTH_TEST_INSTALL === "1" && hostRunsSystemd()
    ? false
    : "NOT RUN: installs the package. Run `make test-guest TESTS=test/e2e/package.test.ts`.";
/** A line that is missing shows that somebody was held up or killed. */
const counter = "n=0; while :; do n=$((n+1)); echo $n; sleep 0.1; done";
const nextVersion = "0.1.999";
const config = "/etc/berth/config.toml";
const note = "# the operator's\n";
const [root, state] = ["/var/lib/berth", "/run/berth"];
/** Says what Debian's own presets do of every service, and a guest's don't. */
const preset = "/etc/systemd/system-preset/00-berth.preset";

describe("the Debian package", { skip }, () => {
  let directory: string;
  let first: string;
  let next: string;
  let node: InstalledNode;
  let pod: MadePod;
  let main: string;
  let init: string;

  before(async () => {
    directory = mkdtempSync("/var/tmp/berth-package-");
    mkdirSync(dirname(preset), { recursive: true });
    writeFileSync(preset, "enable berth.service\n");
    first = await makePackage();
    next = await repackaged(first, nextVersion, directory);
  });
  after(async () => {
    if (node !== undefined) await uninstall(node);
    for (const path of [preset, directory]) rmSync(path, { recursive: true, force: true });
  });

  test("once installed it is enabled and serves, to its group, too", async () => {
    await installPackage(first);
    node = new InstalledNode({
      cgroupDriver: "cgroupfs",
      cgroupParent: "/berth",
      bridge: "",
      networkName: "",
      subnet: "",
    });
    await node.started();
    assert.equal(await node.property("UnitFileState"), "enabled");
    const [, , group] = (await succeeded("getent", "group", "berth")).split(":");
    const socket = statSync(node.daemon.workspace.socket);
    assert.deepEqual([socket.gid, socket.mode & 0o777], [Number(group), 0o660]);
    assert.match(await succeeded("berth", "info"), /^RuntimeReady\s+yes$/m);
    await importBusybox(node.daemon);
    const namespaceOptions = { network: NamespaceMode.NODE };
    pod = await runPod(node.daemon, "kept", { linux: { securityContext: { namespaceOptions } } });
    main = await runContainer(node.daemon, pod, shellConfig("main", busyboxImage, counter));
    init = await initOf(main);
  });

  test("an upgrade: the new daemon runs, containers ran on, settings are the operator's", async () => {
    appendFileSync(config, note);
    const earlier = await node.property("MainPID");
    await installPackage(next);
    await node.started();
    assert.notEqual(await node.property("MainPID"), earlier);
    assert.deepEqual(readdirSync("/usr/lib/berth/releases"), [nextVersion]);
    assert.ok(readFileSync(config, "utf8").endsWith(note));
    await assertUntouched();
  });

  test("an upgrade of one that was stopped and disabled leaves it so", async () => {
    await succeeded("systemctl", "disable", "--now", "berth.service");
    await installPackage(first);
    assert.equal(await node.property("UnitFileState"), "disabled");
    assert.equal(await node.property("ActiveState"), "inactive");
    await succeeded("systemctl", "enable", "--now", "berth.service");
    await node.started();
    await assertUntouched();
  });

  test("a removal leaves containers running; installed again it manages them", async () => {
    await succeeded("dpkg", "--remove", "berth");
    assert.equal(await node.property("ActiveState"), "inactive");
    assert.equal(existsSync("/usr/lib/berth"), false);
    await assertCounts();
    await installPackage(first);
    await node.started();
    assert.equal(await node.property("UnitFileState"), "enabled");
    await assertUntouched();
  });

  test("a purge takes nothing from below containers that run", async () => {
    const { code, stderr } = await runProgram(["dpkg", "--purge", "berth"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /pods still run; \/var\/lib\/berth and \/run\/berth are left/);
    await assertCounts();
    await installPackage(first);
    await node.started();
    await assertUntouched();
  });

  test("a purge takes all once no pod is left, but for what is mounted there", async () => {
    await removePod(node.daemon, pod.id);
    await succeeded("mount", "--bind", root, root);
    await succeeded("dpkg", "--purge", "berth");
    assert.deepEqual(readdirSync(root), []);
    await succeeded("umount", root);
    const left = [state, "/etc/berth", "/usr/lib/berth", "/usr/bin/berth"].filter(existsSync);
    assert.deepEqual(left, []);
    assert.equal(await node.property("LoadState"), "not-found");
  });

  async function initOf(container: string): Promise<string> {
    const { info } = await node.daemon.pods.containerStatus({ containerId: container, verbose: true });
    return String(JSON.parse(info.info ?? "{}").pid);
  }

  /** The container is the same process as ever, and no line of its log is missing. */
  async function assertUntouched(): Promise<void> {
    assert.equal((await containerStatus(node.daemon, main)).state, ContainerState.CONTAINER_RUNNING);
    assert.equal(await initOf(main), init);
    const { stdout } = await node.daemon.pods.execSync({
      containerId: main,
      cmd: ["echo", "here"],
      timeout: 0n,
    });
    assert.equal(Buffer.from(stdout).toString(), "here\n");
    await assertCounts();
  }

  async function assertCounts(): Promise<void> {
    const lines = () =>
      readFileSync(join(pod.config.logDirectory, "main.log"), "utf8").split("\n").slice(0, -1);
    const numbers = lines().map((line) => Number(line.split(" ").at(-1)));
    const expected = Array.from(numbers, (_, index) => index + 1);
    assert.deepEqual(numbers, expected);
    await eventually("more of its log", 10_000, async () => lines().length > numbers.length || undefined);
  }
});

/** Whatever state it is in: what is tested next in this guest finds no berth. */
async function uninstall(node: InstalledNode): Promise<void> {
  await removeAllPods(node.daemon).catch(() => undefined); // nobody answers where it was purged
  node.close();
  await runProgram(["dpkg", "--purge", "berth"]);
}
