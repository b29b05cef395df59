import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isFault } from "../../src/base/fault.ts";
import { ownPort } from "../../src/linux/testing/own-port.ts";
import {
  ContainerState,
  NamespaceMode,
  PodSandboxState,
  Protocol,
  Signal,
} from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import {
  containerStatus,
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
import { busyboxLayer } from "../images/busybox.ts";
import { writeOciArchive } from "../images/image.ts";

const logOf = (pod: MadePod, name: string) =>
  readFileSync(join(pod.config.logDirectory, `${name}.log`), "utf8");

// crun in a mount namespace of its own, runc in the host's.
for (const runtime of ["crun", "runc"] as const) {
  describe(`pods on ${runtime}`, privileged, () => {
    let daemon: TestDaemon;

    before(async () => {
      daemon = await TestDaemon.start({ runtime });
      await importBusybox(daemon);
    });

    after(() => endDaemon(daemon));

    const sleeper = (name = "main") =>
      shellConfig(name, busyboxImage, "trap 'exit 0' TERM; echo up; while :; do sleep 1 & wait $!; done");

    async function exec(containerId: string, script: string) {
      const cmd = ["/bin/sh", "-c", script];
      const answer = await daemon.pods.execSync({ containerId, cmd, timeout: 10n });
      return { code: answer.exitCode, out: answer.stdout.toString(), err: answer.stderr.toString() };
    }

    test("the runtime that was asked for is the one in use", async () => {
      const { handlers } = await daemon.berth.info({});
      const chosen = handlers.find((handler) => handler.default);
      assert.deepEqual([chosen?.name, chosen?.problem], [runtime, ""]);
      const { status } = await daemon.pods.status({ verbose: true });
      assert.deepEqual(
        status?.conditions.map(({ type, status: isTrue }) => [type, isTrue]),
        [
          ["RuntimeReady", true],
          ["NetworkReady", true],
        ],
      );
    });

    test("a pod has its own name, address and files; its container logs, execs and ends with its code", async () => {
      const pod = await runPod(daemon, "whole", { hostname: "whole-host" });
      const { status } = await daemon.pods.podSandboxStatus({ podSandboxId: pod.id, verbose: true });
      assert.equal(status?.state, PodSandboxState.SANDBOX_READY);
      assert.ok(status.network?.ip.startsWith(daemon.workspace.subnet), `address ${status.network?.ip}`);

      const script = "echo out; echo err >&2; hostname; cat /etc/hostname; exit 3";
      const short = await runContainer(daemon, pod, shellConfig("short", busyboxImage, script));
      const ended = await exited(daemon, short);
      assert.deepEqual([ended.exitCode, ended.reason], [3, "Error"]);
      assert.ok(ended.createdAt <= ended.startedAt && ended.startedAt <= ended.finishedAt);
      const entries = logOf(pod, "short").trimEnd().split("\n");
      const shown = entries.map((line) => line.split(" ").slice(1).join(" "));
      assert.deepEqual(shown.toSorted(), [
        "stderr F err",
        "stdout F out",
        "stdout F whole-host",
        "stdout F whole-host",
      ]);

      const long = await runContainer(daemon, pod, sleeper());
      const inside = await exec(long, "cat /etc/hosts; ip -4 -o addr show eth0; echo oops >&2; exit 5");
      assert.equal(inside.code, 5);
      assert.equal(inside.err, "oops\n");
      assert.match(inside.out, new RegExp(`^${status.network?.ip}\\s+whole-host$`, "m"));
      assert.match(inside.out, new RegExp(`inet ${status.network?.ip}/`));

      await daemon.pods.stopContainer({ containerId: long, timeout: 10n });
      const stopped = await containerStatus(daemon, long);
      assert.deepEqual(
        [stopped.state, stopped.exitCode, stopped.reason],
        [ContainerState.CONTAINER_EXITED, 0, "Completed"],
      );

      await removePod(daemon, pod.id);
      const { items } = await daemon.pods.listPodSandbox({});
      assert.ok(items.every(({ id }) => id !== pod.id));
      await assert.rejects(daemon.pods.podSandboxStatus({ podSandboxId: pod.id }), (error) =>
        isFault(error, "notFound"),
      );
    });

    test("a container that ignores its stop signal is killed after the grace; one without memory is OOMKilled", async () => {
      const pod = await runPod(daemon, "deaf");
      const deaf = await runContainer(
        daemon,
        pod,
        shellConfig("deaf", busyboxImage, "trap '' TERM; echo set; while :; do sleep 1; done"),
      );
      await eventually("the trap", 10_000, async () =>
        logOf(pod, "deaf").includes("set") ? true : undefined,
      );
      const began = Date.now();
      await daemon.pods.stopContainer({ containerId: deaf, timeout: 1n });
      assert.ok(Date.now() - began >= 900, "it had its grace");
      assert.equal((await containerStatus(daemon, deaf)).exitCode, 137);

      const hungry = shellConfig("hungry", busyboxImage, "x=a; while :; do x=$x$x$x$x; done", {
        linux: { resources: { memoryLimitInBytes: 16n << 20n } },
      });
      const status = await exited(daemon, await runContainer(daemon, pod, hungry));
      assert.deepEqual([status.exitCode, status.reason], [137, "OOMKilled"]);
      await removePod(daemon, pod.id);
    });

    test("the stop signal is the request's, else the image's; real-time signals count, too", async () => {
      const image = "test.berth.example/stopped:1";
      const path = join(daemon.workspace.directory, "stopped.tar");
      await writeOciArchive(
        { name: image, layers: [busyboxLayer()], config: { StopSignal: "SIGRTMAX-2" } },
        path,
      );
      await daemon.berth.import({ path });
      const pod = await runPod(daemon, "signals");
      const traps = "trap 'exit 62' 62; trap 'exit 37' 37; trap 'exit 15' TERM; echo set";
      const script = `${traps}; while :; do sleep 0.05; done`;
      const { SIGNAL_SIGRTMINPLUS3, SIGNAL_SIGRTMAXMINUS2, SIGNAL_SIGTERM } = Signal;
      const cases = [
        ["requested", image, SIGNAL_SIGRTMINPLUS3, SIGNAL_SIGRTMINPLUS3, 37],
        ["of-image", image, Signal.SIGNAL_RUNTIME_DEFAULT, SIGNAL_SIGRTMAXMINUS2, 62],
        ["default", busyboxImage, Signal.SIGNAL_RUNTIME_DEFAULT, SIGNAL_SIGTERM, 15],
      ] as const;
      for (const [name, from, stopSignal, told, code] of cases) {
        const id = await runContainer(daemon, pod, shellConfig(name, from, script, { stopSignal }));
        await eventually("the traps", 10_000, async () =>
          logOf(pod, name).includes("set") ? true : undefined,
        );
        assert.equal((await containerStatus(daemon, id)).stopSignal, told);
        await daemon.pods.stopContainer({ containerId: id, timeout: 20n });
        assert.equal((await containerStatus(daemon, id)).exitCode, code, name);
      }
      await removePod(daemon, pod.id);
    });

    test("exec: a time-out kills the whole tree of processes", async () => {
      const pod = await runPod(daemon, "exec");
      const id = await runContainer(daemon, pod, sleeper());
      const cmd = ["/bin/sh", "-c", "sleep 7654 & sleep 7654"];
      await assert.rejects(daemon.pods.execSync({ containerId: id, cmd, timeout: 1n }), (error) =>
        isFault(error, "deadline"),
      );
      const left = await exec(id, "ps | grep -c '[s]leep 7654'");
      assert.equal(left.out.trim(), "0");
      const missing = daemon.pods.execSync({ containerId: id, cmd: ["/no/such"], timeout: 5n });
      const outcome = await missing.then(
        ({ exitCode }) => exitCode,
        (error: Error) => error.message,
      );
      assert.match(String(outcome), /^12[67]$|no such/i);
      await removePod(daemon, pod.id);
    });

    test("a repeat joins what is in flight and returns what is done; another config is told what stands in the way", async () => {
      const config = podConfig(daemon, "again");
      const request = { config, runtimeHandler: "" };
      const ids = await Promise.all(
        [1, 2, 3].map(async () => (await daemon.pods.runPodSandbox(request)).podSandboxId),
      );
      ids.push((await daemon.pods.runPodSandbox(request)).podSandboxId);
      assert.equal(new Set(ids).size, 1);
      const [podSandboxId = ""] = ids;

      const other = { ...config, hostname: "other" };
      await assert.rejects(
        daemon.pods.runPodSandbox({ config: other, runtimeHandler: "" }),
        (error) => isFault(error, "alreadyExists") && error.message.includes(podSandboxId.slice(0, 12)),
      );

      const container = { podSandboxId, config: sleeper(), sandboxConfig: config };
      const containers = await Promise.all(
        [1, 2].map(async () => (await daemon.pods.createContainer(container)).containerId),
      );
      containers.push((await daemon.pods.createContainer(container)).containerId);
      assert.equal(new Set(containers).size, 1);
      const [containerId = ""] = containers;
      await Promise.all([1, 2].map(() => daemon.pods.startContainer({ containerId })));
      await daemon.pods.startContainer({ containerId });
      await removePod(daemon, podSandboxId);
    });

    test("stop and remove can be repeated, and succeed for what is not there", async () => {
      const pod = await runPod(daemon, "twice");
      const containerId = await runContainer(daemon, pod, sleeper());
      for (const _ of [1, 2]) await daemon.pods.stopContainer({ containerId, timeout: 1n });
      for (const _ of [1, 2]) await daemon.pods.removeContainer({ containerId });
      for (const _ of [1, 2]) await daemon.pods.stopPodSandbox({ podSandboxId: pod.id });
      const { status } = await daemon.pods.podSandboxStatus({ podSandboxId: pod.id });
      assert.equal(status?.state, PodSandboxState.SANDBOX_NOTREADY);
      for (const _ of [1, 2]) await daemon.pods.removePodSandbox({ podSandboxId: pod.id });
    });

    test("namespaces: the node's network is the node's", async () => {
      const node = { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER, ipc: NamespaceMode.POD };
      const onNode = { hostname: "", linux: { securityContext: { namespaceOptions: node } } };
      const host = await runPod(daemon, "hostnet", onNode);
      const id = await runContainer(daemon, host, shellConfig("net", busyboxImage, "sleep 999", onNode));
      assert.match((await exec(id, "ip -o link")).out, new RegExp(daemon.workspace.bridge));
      await removePod(daemon, host.id);
    });

    test("port mappings: the host's port leads into the pod", async () => {
      const hostPort = await ownPort();
      const portMappings = [{ protocol: Protocol.TCP, containerPort: 80, hostPort, hostIp: "" }];
      const pod = await runPod(daemon, "web", { portMappings });
      await runContainer(daemon, pod, shellConfig("httpd", busyboxImage, "exec httpd -f -p 80 -h /www"));
      const { status } = await daemon.pods.podSandboxStatus({ podSandboxId: pod.id });
      for (const url of [`http://${status?.network?.ip}/`, `http://127.0.0.1:${hostPort}/`]) {
        const page = await eventually(url, 5000, async () =>
          fetch(url).then(
            (answer) => answer.text(),
            () => undefined,
          ),
        );
        assert.equal(page, "hello from berth\n");
      }
      await removePod(daemon, pod.id);
    });
  });
}
