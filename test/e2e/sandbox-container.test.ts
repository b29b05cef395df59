import assert from "node:assert/strict";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isFault } from "../../src/base/fault.ts";
import { NamespaceMode, PodSandboxState } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import {
  eventually,
  exited,
  type MadePod,
  podConfig,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

const handler = "sandboxed";
const handlers = `
[runtime.handlers.${handler}]
binary = "runc"
sandboxer = "podsandbox"
podAnnotations = ["example.com/*"]
`;

describe("pods whose handler has a sandbox container", privileged, () => {
  let daemon: TestDaemon;
  before(async () => {
    daemon = await TestDaemon.start({ runtime: "runc", extraConfig: handlers });
    await importBusybox(daemon);
  });
  after(() => endDaemon(daemon));

  const runSandboxed = (name: string, overrides = {}) => runPod(daemon, name, overrides, handler);
  const start = (pod: MadePod, script: string, overrides = {}) =>
    runContainer(daemon, pod, shellConfig("main", busyboxImage, script, overrides));
  const bundleOf = (id: string) => join(daemon.workspace.state, "containers", id);
  const configOf = (id: string) => JSON.parse(readFileSync(join(bundleOf(id), "config.json"), "utf8"));
  const firstProcess = (id: string) => Number(readFileSync(join(bundleOf(id), "pid"), "latin1"));

  test("it comes first, with all that a runtime has to know of the pod; containers name it", async () => {
    const linux = podConfig(daemon, "told").linux;
    const resources = {
      cpuPeriod: 100_000n,
      cpuQuota: 150_000n,
      cpuShares: 1536n,
      memoryLimitInBytes: 268_435_456n,
    };
    const annotations = { "example.com/mark": "passed", "other.com/mark": "not" };
    const sysctls = { "net/ipv4/ip_local_port_range": "20000 30000", "kernel.shm_rmid_forced": "1" };
    const pod = await runSandboxed("told", { linux: { ...linux, resources, sysctls }, annotations });
    const { uid = "", namespace, name } = pod.config.metadata ?? {};
    const identity = {
      "io.kubernetes.cri.sandbox-id": pod.id,
      "io.kubernetes.cri.sandbox-name": name,
      "io.kubernetes.cri.sandbox-namespace": namespace,
      "io.kubernetes.cri.sandbox-uid": uid,
    };
    const sandbox = configOf(pod.id);
    assert.deepEqual(sandbox.annotations, {
      ...identity,
      "example.com/mark": "passed",
      "io.kubernetes.cri.container-type": "sandbox",
      "io.kubernetes.cri.sandbox-log-directory": pod.config.logDirectory,
      "io.kubernetes.cri.sandbox-cpu-period": "100000",
      "io.kubernetes.cri.sandbox-cpu-quota": "150000",
      "io.kubernetes.cri.sandbox-cpu-shares": "1536",
      "io.kubernetes.cri.sandbox-memory": "268435456",
    });
    assert.equal(sandbox.hostname, "told");
    assert.deepEqual(sandbox.linux.sysctl, {
      "net.ipv4.ip_local_port_range": "20000 30000",
      "kernel.shm_rmid_forced": "1",
    });
    const network = ({
      linux: { namespaces },
    }: {
      linux: { namespaces: { type: string; path: string }[] };
    }) => namespaces.find(({ type }) => type === "network")?.path;
    assert.ok(existsSync(network(sandbox) ?? ""), "the network is there when it is created");
    const container = configOf(await start(pod, "exec sleep 1000"));
    assert.equal(container.annotations["io.kubernetes.cri.container-type"], "container");
    assert.equal(container.annotations["io.kubernetes.cri.sandbox-id"], pod.id);
    assert.equal(network(container), network(sandbox));
    assert.match(readFileSync(`/proc/${firstProcess(pod.id)}/cmdline`, "utf8"), /^\/pause\0$/);
    await removePod(daemon, pod.id);
    assert.equal(existsSync(bundleOf(pod.id)), false);
  });

  test("a pod in the node's network has the node's name", async () => {
    const namespaceOptions = { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER };
    const pod = await runSandboxed("node", { linux: { securityContext: { namespaceOptions } } });
    await start(pod, "exec sleep 1000");
    assert.equal(configOf(pod.id).hostname, undefined);
    await removePod(daemon, pod.id);
  });

  test("what has the node's processes has them by the sandbox", async () => {
    const namespaceOptions = { network: NamespaceMode.POD, pid: NamespaceMode.NODE };
    const pod = await runSandboxed("all", { linux: { securityContext: { namespaceOptions } } });
    const id = await start(pod, "exec sleep 1000", { linux: { securityContext: { namespaceOptions } } });
    const pidOf = (config: { linux: { namespaces: { type: string; path?: string }[] } }) =>
      config.linux.namespaces.find(({ type }) => type === "pid");
    assert.equal(pidOf(configOf(pod.id)), undefined);
    assert.equal(pidOf(configOf(id))?.path, `/proc/${firstProcess(pod.id)}/ns/pid`);
    assert.equal(readlinkSync(`/proc/${firstProcess(id)}/ns/pid`), readlinkSync("/proc/self/ns/pid"));
    await removePod(daemon, pod.id);
  });

  test("processes that a pod shares are the sandbox's", async () => {
    const namespaceOptions = { network: NamespaceMode.POD, ipc: NamespaceMode.POD, pid: NamespaceMode.POD };
    const shared = { linux: { securityContext: { namespaceOptions } } };
    const pod = await runSandboxed("shared", shared);
    const containerId = await start(pod, "exec sleep 1000", shared);
    const cmd = ["cat", "/proc/1/cmdline"];
    assert.equal(String((await daemon.pods.execSync({ containerId, cmd, timeout: 10n })).stdout), "/pause\0");
    await removePod(daemon, pod.id);
  });

  for (const isSeen of [true, false]) {
    test(`a sandbox that ends ${isSeen ? "" : "while no daemon runs "}takes its pod and containers along, with a reason`, async () => {
      const pod = await runSandboxed(`lost-${isSeen}`);
      const id = await start(pod, "exec sleep 1000");
      const sandbox = firstProcess(pod.id);
      if (!isSeen) await daemon.kill();
      process.kill(sandbox, "SIGKILL");
      if (!isSeen) await daemon.launch();
      await eventually("the pod to be not ready", 30_000, async () => {
        const { status } = await daemon.pods.podSandboxStatus({ podSandboxId: pod.id });
        return status?.state === PodSandboxState.SANDBOX_NOTREADY || undefined;
      });
      const { reason, message } = await exited(daemon, id);
      assert.deepEqual([reason, /its pod's sandbox ended/.test(message)], ["SandboxLost", true]);
      await assert.rejects(start(pod, "true"), (error) => isFault(error, "wrongState"));
      await removePod(daemon, pod.id);
    });
  }

  test("an undo that was cut off by kill -9 is ended by the next daemon", async () => {
    for (const plan of ["RunPodSandbox/sandbox/after:kill", "StopPodSandbox/sandbox/undo:kill"]) {
      daemon.plant(plan);
      await assert.rejects(runSandboxed("cut").then(({ id }) => removePod(daemon, id)));
      await daemon.ended();
      daemon.plant("");
      await daemon.launch();
    }
  });
});
