import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ContainerState, NamespaceMode, PodSandboxState } from "../../src/wire/gen/runtime.v1.ts";
import { lacksCpusets } from "../harness/cgroup-file.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import {
  containerStatus,
  eventually,
  exited,
  type MadePod,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { openPort, openPorts, textOf } from "../harness/stream-client.ts";

/** Another than Debian's, which takes no network of its own on kernels since 6.14. */
const binary = process.env.BERTH_TEST_RUNSC ?? "runsc";
const network = process.env.BERTH_TEST_RUNSC === undefined ? "host" : "sandbox";
const platform = process.env.BERTH_TEST_RUNSC === undefined ? "ptrace" : "systrap";

const handlers = `
[runtime.handlers.gvisor]
binary = "${binary}"
args = ["--platform=${platform}", "--network=${network}"]
`;

const noGvisor =
  lacksCpusets && "NOT RUN: runsc insists on the cgroup controller cpuset, which this kernel does not have";
const skip = privileged.skip || noGvisor;
if (noGvisor) process.stderr.write(`\n*** pods in gVisor's sandbox: ${noGvisor} ***\n\n`);

describe("pods in gVisor's sandbox, by runsc", { skip }, () => {
  let daemon: TestDaemon;
  before(async () => {
    daemon = await TestDaemon.start({ runtime: "runc", extraConfig: handlers });
    await importBusybox(daemon);
  });
  after(() => endDaemon(daemon));

  const runGvisor = (name: string, overrides = {}) => runPod(daemon, name, overrides, "gvisor");
  const start = (pod: MadePod, name: string, script: string, overrides = {}) =>
    runContainer(daemon, pod, shellConfig(name, busyboxImage, script, overrides));
  async function exec(containerId: string, script: string): Promise<string> {
    const cmd = ["/bin/sh", "-c", script];
    const { stdout } = await daemon.pods.execSync({ containerId, cmd, timeout: 20n });
    return String(stdout).trim();
  }
  const logOf = async (id: string) => readFileSync((await containerStatus(daemon, id)).logPath, "utf8");
  const processOf = (id: string) =>
    Number(readFileSync(join(daemon.workspace.state, "containers", id, "pid"), "latin1"));

  test("two containers share a sandbox, its name and network; output, exit code and commands are the container's", async () => {
    const pod = await runGvisor("shared");
    const one = await start(pod, "one", "echo out; echo err >&2; hostname; sleep 1; exit 7");
    const two = await start(pod, "two", "exec sleep 1000");
    assert.equal((await exited(daemon, one)).exitCode, 7);
    const log = await logOf(one);
    assert.match(log, / stdout F out\n/);
    assert.match(log, / stderr F err\n/);
    assert.match(log, / stdout F shared\n/);
    assert.match(await exec(two, "dmesg | head -1"), /gVisor/);
    const processes = await exec(two, "ps -o args");
    assert.match(processes, /sleep 1000/);
    assert.doesNotMatch(processes, /hostname|pause/, "its own processes alone");
    const { status } = await daemon.pods.podSandboxStatus({ podSandboxId: pod.id });
    assert.match(await exec(two, "ip addr || ifconfig"), new RegExp(status?.network?.ip ?? "none"));
    assert.match(await exec(two, "cat /etc/hosts; cat /etc/hostname"), /\tshared\n.*shared$/s);
    await exec(two, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done");
    const { stats } = await daemon.pods.containerStats({ containerId: two });
    assert.ok(Number(stats?.cpu?.usageCoreNanoSeconds?.value) > 1_000_000, "CPU time within the sandbox");
    assert.ok(Number(stats?.memory?.usageBytes?.value) > 100_000);
    const ofPod = (await daemon.pods.podSandboxStats({ podSandboxId: pod.id })).stats?.linux;
    assert.ok(Number(ofPod?.memory?.usageBytes?.value) > 1_000_000, "the sandbox itself");
    await daemon.pods.stopContainer({ containerId: two, timeout: 1n });
    assert.match(
      String((await exited(daemon, two)).exitCode),
      /^(137|143)$/,
      "newer ones end a first process by SIGTERM",
    );
    await removePod(daemon, pod.id);
  });

  test("a port is reached that the pod listens at only within its sandbox, and what it does not listen at is refused", async () => {
    const pod = await runGvisor("port");
    const id = await start(pod, "main", "exec busybox httpd -f -p 127.0.0.1:8080 -h /etc");
    await exec(id, "until grep -qi 0100007F:1F90 /proc/net/tcp; do sleep 0.05; done");
    const session = await openPorts(daemon, pod.id);
    const { data, error } = openPort(session, 8080, 0);
    data.write("GET /hostname HTTP/1.0\r\n\r\n");
    const problem = textOf(error);
    assert.match(await textOf(data), /^HTTP\/1.[01] 200 OK\r\n.*\r\nport\n$/s);
    data.end();
    assert.equal(await problem, "");
    const refused = openPort(session, 8081, 1);
    assert.match(await textOf(refused.error), /answers on port 8081/);
    session.destroy();
    await removePod(daemon, pod.id);
  });

  test("a container outlives the daemon, and so does what is known of its end; one that was not started stops, too", async () => {
    const pod = await runGvisor("lasting");
    const ends = await start(pod, "ends", "sleep 1; exit 5");
    const lasts = await start(pod, "lasts", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done");
    const created = await daemon.pods.createContainer({
      podSandboxId: pod.id,
      config: shellConfig("created", busyboxImage, "true"),
      sandboxConfig: pod.config,
    });
    await daemon.kill();
    await daemon.launch();
    assert.equal((await exited(daemon, ends)).exitCode, 5);
    assert.equal((await containerStatus(daemon, lasts)).state, ContainerState.CONTAINER_RUNNING);
    const before = (await logOf(lasts)).length;
    await eventually(
      "its log to grow",
      30_000,
      async () => (await logOf(lasts)).length > before || undefined,
    );
    await daemon.pods.stopContainer({ containerId: created.containerId, timeout: 0n });
    assert.equal((await containerStatus(daemon, created.containerId)).state, ContainerState.CONTAINER_EXITED);
    await removePod(daemon, pod.id);
  });

  test("containers that share their processes see each other", async () => {
    const namespaceOptions = { network: NamespaceMode.POD, ipc: NamespaceMode.POD, pid: NamespaceMode.POD };
    const shared = { linux: { securityContext: { namespaceOptions } } };
    const pod = await runGvisor("processes", shared);
    await start(pod, "one", "exec sleep 4322", shared);
    const two = await start(pod, "two", "exec sleep 1000", shared);
    assert.match(await exec(two, "ps -o args"), /sleep 4322/);
    await removePod(daemon, pod.id);
  });

  test("a sandbox that is killed takes its pod and containers along, with a reason", async () => {
    const pod = await runGvisor("lost");
    const id = await start(pod, "main", "exec sleep 1000");
    process.kill(processOf(pod.id), "SIGKILL");
    await eventually("the pod to be not ready", 30_000, async () => {
      const { status } = await daemon.pods.podSandboxStatus({ podSandboxId: pod.id });
      return status?.state === PodSandboxState.SANDBOX_NOTREADY || undefined;
    });
    assert.equal((await exited(daemon, id)).reason, "SandboxLost");
    await removePod(daemon, pod.id);
  });
});
