import assert from "node:assert/strict";
import { appendFileSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { NamespaceMode, RuntimeServiceService } from "../../src/wire/gen/runtime.v1.ts";
import { connect } from "../../src/wire/grpc/client.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  containerStatus,
  eventually,
  type MadePod,
  removeAllPods,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

/** CRI-O's answer, as cAdvisor 0.56 decodes it (container/crio/client.go). */
interface CrioContainer {
  readonly name: string;
  readonly pid: number;
  readonly image: string;
  readonly created_time: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly log_path: string;
  readonly root: string;
  readonly ip_addresses: readonly string[];
}

/** For a first process, which no signal ends that it does not wait for. */
const waiting = "trap exit TERM; sleep 1000 & wait";

/** As a kubelet labels a pod, and a container. */
const podLabels = {
  "io.kubernetes.pod.name": "seen",
  "io.kubernetes.pod.namespace": "test",
  "io.kubernetes.pod.uid": "seen-uid",
};
const containerLabels = { ...podLabels, "io.kubernetes.container.name": "main" };

describe("a pod as the kubelet's cAdvisor sees it, which takes berth for CRI-O", privileged, () => {
  let daemon: TestDaemon;
  let plain: string;

  before(async () => {
    daemon = await TestDaemon.start();
    plain = readFileSync(daemon.workspace.configFile, "utf8");
    await importBusybox(daemon);
    await restart("crio");
  });
  after(() => daemon.close());

  const crioSocket = () => join(daemon.workspace.directory, "crio.sock");

  /** kill -9, and a start with other settings. */
  async function restart(cadvisor: "crio" | "none"): Promise<void> {
    await daemon.kill();
    writeFileSync(daemon.workspace.configFile, plain);
    const setting = `\n[kubelet]\ncadvisor = "${cadvisor}"\ncrioSocket = "${crioSocket()}"\n`;
    appendFileSync(daemon.workspace.configFile, setting);
    await daemon.launch();
  }

  function get(path: string): Promise<{ code: number | undefined; body: string }> {
    return new Promise((resolve, reject) => {
      request({ socketPath: crioSocket(), path, headers: { host: "crio" } }, async (response) => {
        const body = Buffer.concat(await response.toArray()).toString();
        resolve({ code: response.statusCode, body });
      })
        .on("error", reject)
        .end();
    });
  }

  async function described(id: string): Promise<CrioContainer> {
    const { code, body } = await get(`/containers/${id}`);
    assert.equal(code, 200, body);
    return JSON.parse(body);
  }

  /** The ids that cAdvisor finds in the names of groups (container/crio/factory.go). */
  async function idsFound(): Promise<string[]> {
    const found = await daemon.inside(
      "sh",
      "-c",
      `find /sys/fs/cgroup -path '*${parent()}/*' -type d ! -fstype tmpfs`,
    );
    const names = found.stdout.split("\n").map((path) => basename(path));
    const ids = names.filter((name) => name.startsWith("crio")).map((name) => /[a-z0-9]{64}/.exec(name)?.[0]);
    return [...new Set(ids)].filter((id) => id !== undefined).sort();
  }
  const parent = () => daemon.workspace.cgroupParent;

  const shell = (name: string, script: string) =>
    shellConfig(name, busyboxImage, script, {
      labels: { ...containerLabels, "io.kubernetes.container.name": name },
      annotations: { "io.kubernetes.container.restartCount": "3" },
    });

  test("its groups have CRI-O's names, and lead to labels, network and files", async () => {
    const pod = await runPod(daemon, "seen", { labels: podLabels });
    const empty = await described(pod.id);
    assert.equal(empty.pid, 0, "no process is in the pod's network yet: it asks again");
    const id = await runContainer(
      daemon,
      pod,
      shell("main", `head -c 300000 /dev/zero >/big; echo said; ${waiting}`),
    );
    assert.deepEqual(await idsFound(), [pod.id, id].sort());

    const main = await described(id);
    const { linux } =
      (await daemon.pods.podSandboxStatus({ podSandboxId: pod.id, verbose: true })).status ?? {};
    assert.ok(linux !== undefined);
    assert.deepEqual(main.labels, containerLabels);
    assert.equal(main.annotations["io.kubernetes.container.restartCount"], "3");
    assert.equal(main.image, busyboxImage);
    assert.match(main.name, /^k8s_main_seen_test_/);
    assert.equal(main.created_time, Number((await containerStatus(daemon, id)).createdAt));
    await eventually("the log", 5000, async () => statSync(main.log_path).size > 0 || undefined);
    // Not before: a runtime's start ends before its first process has become the container's program.
    assert.match(readFileSync(`/proc/${main.pid}/cmdline`, "utf8"), /sh\0-c/);
    const { stdout: size } = await daemon.inside("stat", "-c", "%s", join(main.root, "diff", "big"));
    assert.equal(size.trim(), "300000");

    const own = await described(pod.id);
    assert.deepEqual(own.labels, { ...podLabels, "io.kubernetes.container.name": "POD" });
    const [netns, host] = [own.pid, process.pid].map((pid) => readlinkSync(`/proc/${pid}/ns/net`));
    assert.notEqual(netns, host);
    assert.equal(netns, readlinkSync(`/proc/${main.pid}/ns/net`));
    assert.match(own.ip_addresses[0] ?? "", new RegExp(`^${daemon.workspace.subnet}\\.`));
    assert.deepEqual((await daemon.inside("ls", "-A", join(own.root, "diff"))).stdout, "");

    const info = JSON.parse((await get("/info")).body);
    assert.equal(info.storage_driver, "overlay");
    assert.ok(main.root.startsWith(`${info.storage_root}/`));
    assert.equal((await get(`/containers/${"0".repeat(64)}`)).code, 404);
  });

  test("a pod in the node's network is described by a container's process, too", async () => {
    const namespaceOptions = {
      network: NamespaceMode.NODE,
      pid: NamespaceMode.CONTAINER,
      ipc: NamespaceMode.POD,
    };
    const pod = await runPod(daemon, "in-nodes-network", {
      labels: podLabels,
      linux: { securityContext: { namespaceOptions } },
    });
    const id = await runContainer(daemon, pod, shell("main", waiting));
    const own = await described(pod.id);
    assert.equal(own.pid, (await described(id)).pid);
    assert.deepEqual(own.ip_addresses, []);
  });

  test("the CRI is served where CRI-O would serve it", async () => {
    const connection = connect(crioSocket());
    const calls = connection.calls(RuntimeServiceService);
    const there = await calls.listPodSandbox({});
    assert.deepEqual(there, await daemon.pods.listPodSandbox({}));
    connection.close();
  });

  test("pods go on when the setting changes below them, and after a kill", async () => {
    const pods: MadePod[] = [await runPod(daemon, "made-first", { labels: podLabels })];
    for (const setting of ["none", "crio"] as const) {
      await restart(setting);
      pods.push(await runPod(daemon, `made-with-${pods.length}`, { labels: podLabels }));
      for (const pod of pods) {
        const id = await runContainer(daemon, pod, shell(`after-${pods.length}`, waiting));
        assert.deepEqual(await daemon.pods.execSync({ containerId: id, cmd: ["true"], timeout: 10n }), {
          stdout: new Uint8Array(),
          stderr: new Uint8Array(),
          exitCode: 0,
        });
        const named = (await idsFound()).includes(id);
        assert.equal(named, setting === "crio", `${id} with ${setting}`);
      }
      const { stats } = await daemon.pods.listContainerStats({});
      assert.ok(stats.every(({ memory }) => (memory?.usageBytes?.value ?? 0n) > 0n));
    }
    await removeAllPods(daemon);
    await assertNoLeaks(daemon);
    assert.deepEqual(await idsFound(), []);
  });
});
