import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ContainerConfig, PodSandboxConfig } from "../../src/wire/gen/runtime.v1.ts";
import { type CommandResult, runBerth } from "../harness/command.ts";
import { busyboxImage, TestContainerd } from "../harness/containerd.ts";
import { eventually } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

describe("the berth command on Debian's containerd", privileged, () => {
  let containerd: TestContainerd;
  let podId = "";
  let containerId = "";

  before(async () => {
    containerd = await TestContainerd.start();
    const config = PodSandboxConfig.create({
      metadata: { name: "guest", uid: "u-1", namespace: "elsewhere", attempt: 0 },
      logDirectory: containerd.workspace.logs,
      labels: { tier: "x" },
      linux: { cgroupParent: containerd.workspace.cgroupParent },
    });
    ({ podSandboxId: podId } = await containerd.pods.runPodSandbox({ config, runtimeHandler: "" }));
    const container = ContainerConfig.create({
      metadata: { name: "talker", attempt: 0 },
      image: { image: busyboxImage },
      command: ["sh", "-c", "echo hello; exec sleep 1000"],
      logPath: "talker.log",
      labels: { part: "speech" },
      linux: {},
    });
    ({ containerId } = await containerd.pods.createContainer({
      podSandboxId: podId,
      config: container,
      sandboxConfig: config,
    }));
    await containerd.pods.startContainer({ containerId });
  });

  after(() => containerd?.close());

  function command(name: string, ...args: string[]): Promise<CommandResult> {
    return runBerth(name, "--endpoint", containerd.workspace.socket, ...args);
  }

  /** Runs a command that must succeed. @returns what it printed */
  async function berth(name: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await command(name, ...args);
    assert.equal(code, 0, `berth ${name} ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  test("ps and pods, with filters, and in the shape of crictl's JSON", async () => {
    const line = `^${containerId.slice(0, 13)}\\s+${busyboxImage}.*Running\\s+talker\\s+0\\s+${podId.slice(0, 13)}\\s+guest\\s+elsewhere$`;
    assert.match(await berth("ps"), new RegExp(line, "m"));
    for (const filter of [
      ["--image", busyboxImage],
      ["--pod", "guest"],
      ["--name", "^talk"],
      ["--label", "part=speech"],
      ["--namespace", "else"],
      ["--last", "1"],
      ["--id", containerId.slice(0, 9)],
    ]) {
      assert.equal(await berth("ps", "-q", ...filter), `${containerId}\n`, filter.join(" "));
    }
    for (const filter of [
      ["-s", "exited"],
      ["--name", "^alk"],
      ["--label", "part=x"],
    ]) {
      assert.equal(await berth("ps", "-q", ...filter), "", filter.join(" "));
    }
    const { containers } = JSON.parse(await berth("ps", "-o", "json"));
    assert.deepEqual([containers[0].id, containers[0].state], [containerId, "CONTAINER_RUNNING"]);
    assert.match(await berth("pods"), new RegExp(`^${podId.slice(0, 13)}.*Ready\\s+guest\\s+elsewhere`, "m"));
    const { items } = JSON.parse(await berth("pods", "--label", "tier=x", "-o", "json"));
    assert.deepEqual([items[0].metadata.name, items[0].state], ["guest", "SANDBOX_READY"]);
    assert.match(await berth("pods", "-v"), /^label\s+tier=x$/m);
  });

  test("inspect: container, pod and image", async () => {
    assert.match(await berth("inspect", "talker"), new RegExp(`^container\\s+${containerId}$`, "m"));
    const container = JSON.parse(await berth("inspect", "-o", "json", containerId.slice(0, 8)));
    assert.equal(container.status.state, "CONTAINER_RUNNING");
    assert.match(container.status.startedAt, /^20\d\d-.*Z$/);
    assert.ok(container.info.pid > 0);
    assert.match(await berth("inspectp", "guest"), /^addresses\s+\d+\./m);
    const pod = JSON.parse(await berth("inspect", "--type", "pod", "-q", "-o", "json", podId));
    assert.deepEqual([pod.status.id, pod.info], [podId, undefined]);
    assert.match(await berth("inspecti", busyboxImage), new RegExp(`^tag\\s+${busyboxImage}$`, "m"));
    const both = JSON.parse(await berth("inspect", "-o", "json", "talker", busyboxImage));
    assert.equal(both[1].status.repoTags[0], busyboxImage);
  });

  test("images, info, version, imagefsinfo", async () => {
    assert.match(await berth("images"), /^test\.berth\.example\/busybox\s+1\s+[0-9a-f]{13}\s+\S+MB$/m);
    assert.match(await berth("info"), /^RuntimeReady\s+yes$/m);
    assert.equal(JSON.parse(await berth("info", "-o", "json")).status.conditions[0].status, true);
    assert.match(await berth("version"), /^runtime\s+containerd 1\./m);
    assert.match(await berth("imagefsinfo"), /^images\s+\/.*overlayfs\s+\S+\s+\d+$/m);
  });

  test("logs and exec", async () => {
    await eventually("the log", 5000, async () =>
      (await berth("logs", "talker")) === "hello\n" ? true : undefined,
    );
    assert.match(await berth("logs", "-t", "--tail", "1", "--since", "1h", "talker"), /^20\S+Z hello\n$/);
    for (const how of [["-s"], []]) {
      const ran = await command("exec", ...how, "talker", "sh", "-c", "echo out; echo err >&2; exit 3");
      assert.deepEqual(ran, { code: 3, stdout: "out\n", stderr: "err\n" });
    }
  });

  test("cp, by a tar in the container", async () => {
    const directory = containerd.workspace.directory;
    const [tree, back] = [join(directory, "tree"), join(directory, "back")];
    mkdirSync(join(tree, "sub"), { recursive: true });
    writeFileSync(join(tree, "sub/file"), "content");
    chmodSync(join(tree, "sub/file"), 0o640);
    await berth("cp", tree, "talker:/tmp/new");
    await berth("cp", `${tree}/.`, "talker:/tmp");
    await berth("cp", join(tree, "sub/file"), "talker:/tmp/named");
    const script = "cat /tmp/new/sub/file /tmp/sub/file /tmp/named; stat -c %a /tmp/named";
    assert.equal(await berth("exec", "talker", "sh", "-c", script), `${"content".repeat(3)}640\n`);
    await berth("cp", "talker:/tmp/new", back);
    await berth("cp", "talker:/tmp/named", directory);
    for (const path of ["back/sub/file", "named"]) {
      assert.equal(readFileSync(join(directory, path), "utf8"), "content");
      assert.equal(statSync(join(directory, path)).mode & 0o777, 0o640);
    }
    const { code, stderr } = await command("cp", "talker:/no/such", back);
    assert.equal(code, 1);
    assert.match(stderr, /^berth: copying talker:\/no\/such to .*tar in the container: tar: .*No such file/s);
  });

  test("stats of containers and of pods", async () => {
    await eventually("statistics of the file system", 20_000, async () =>
      /^\S+ +talker +guest +[\d.]+ +\S+ +\S+ +\d\S*B +\d+ /m.test(
        await berth("stats", "--no-stream", "-s", "100ms"),
      )
        ? true
        : undefined,
    );
    const { stats } = JSON.parse(await berth("stats", "-o", "json", "guest"));
    assert.equal(stats[0].attributes.id, containerId);
    assert.match(
      await berth("stats", "--pods", "-s", "100ms"),
      new RegExp(`^${podId.slice(0, 13)} +guest +elsewhere +[\\d.]+ `, "m"),
    );
  });

  test("history and the tree of images tell what this runtime does", async () => {
    assert.match(await berth("history", busyboxImage), /^LAYER .*\n[0-9a-f]{13} +ADD busybox\n$/);
    const tree = await berth("images", "--tree");
    assert.match(tree, /^\(shared by 2\) +1$/m);
    assert.match(tree, new RegExp(`(├─|\\|-) ${busyboxImage} +[0-9a-f]{13} +\\S+MB +0B +0 +1$`, "m"));
  });

  test("what this runtime does not have is told as such", async () => {
    for (const [name, args, call] of [
      ["events", [], "GetContainerEvents"],
      ["runtime-config", [], "RuntimeConfig"],
      ["load", ["/no.tar"], "Import"],
      ["save", [busyboxImage], "Export"],
      ["push", [busyboxImage], "PushImage"],
      ["tag", [busyboxImage, "x"], "Tag"],
      ["untag", [busyboxImage], "Untag"],
    ] as const) {
      const { code, stderr } = await command(name, ...args);
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`^berth: the runtime at unix://\\S+ does not have ${call}`));
    }
  });

  test("a pull falls back on the CRI's own call, and its error is whole", async () => {
    const { code, stderr } = await command("pull", "127.0.0.1:1/none:1");
    assert.equal(code, 1);
    assert.match(stderr, /^pulling 127\.0\.0\.1:1\/none:1\nberth: pulling .*connection refused/m);
  });
});
