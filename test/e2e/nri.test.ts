import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { isFault } from "../../src/base/fault.ts";
import { processesWith } from "../../src/linux/process-environment.ts";
import { processIdentity } from "../../src/linux/process-identity.ts";
import { LinuxContainerResources } from "../../src/wire/gen/runtime.v1.ts";
import { berthCommand } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { type NriBehaviour, NriTestPlugin } from "../harness/nri-plugin.ts";
import {
  containerStatus,
  eventually,
  exited,
  type MadePod,
  removeAllPods,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { shimHandler, shimHandlerConfig } from "../harness/shim-handler.ts";

/** What a container prints of itself. */
const show =
  "echo env=$BY_FIRST,$BY_SECOND,$PATH_GIVEN; echo args=$0,$1; ulimit -n; cat /given/hello; test -c /dev/given && echo device; cat /proc/self/oom_score_adj";

describe("NRI plugins", privileged, () => {
  let daemon: TestDaemon;
  let first: NriTestPlugin;
  const connected: NriTestPlugin[] = [];

  before(async () => {
    daemon = await TestDaemon.start({
      extraConfig: `[nri.validator]\nenable = true\nrejectHooks = true\n${shimHandlerConfig}`,
      prepare: (workspace) => {
        first = NriTestPlugin.install(workspace, "10-first");
        return ":";
      },
    });
    await importBusybox(daemon);
  });
  afterEach(async () => {
    first.behave({});
    await Promise.all(connected.splice(0).map((plugin) => plugin.end()));
    await removeAllPods(daemon);
  });
  after(() => endDaemon(daemon));

  async function connect(index: string, behaviour: NriBehaviour = {}): Promise<NriTestPlugin> {
    const plugin = await NriTestPlugin.connect(daemon, index, behaviour);
    connected.push(plugin);
    return plugin;
  }
  const create = (pod: MadePod, name: string, script = "sleep 1000") =>
    daemon.pods.createContainer({
      podSandboxId: pod.id,
      config: shellConfig(name, busyboxImage, script),
      sandboxConfig: pod.config,
    });
  const update = (containerId: string, cpuShares: bigint) =>
    daemon.pods.updateContainerResources({
      containerId,
      linux: LinuxContainerResources.create({ cpuShares }),
    });
  const logOf = async (id: string) =>
    readFileSync((await containerStatus(daemon, id)).logPath, "utf8")
      .split("\n")
      .map((line) => line.split(" ").slice(3).join(" "));
  const fails = (work: Promise<unknown>, words: RegExp) =>
    assert.rejects(work, (error) => isFault(error) && words.test(error.message));
  const stateIn = (plugin: NriTestPlugin, event: string) =>
    plugin.heard(event).at(-1)?.request.container?.state;
  const adjustedOf = async (containerId: string) => {
    const { info } = await daemon.pods.containerStatus({ containerId, verbose: true });
    return JSON.parse(info.info ?? "{}").nri;
  };
  const reports = async () => (await daemon.berth.info({})).nriPlugins;
  const allLaunched = () =>
    processesWith({ BERTH_NRI_LAUNCHED: join(daemon.workspace.state, "launched-plugins") });
  const ids = (shown: readonly { id: string }[]) => shown.map(({ id }) => id);

  test("a plugin of the directory is configured, and told of all of a pod's life, each thing once", async () => {
    const from = first.heard().length;
    const pod = await runPod(daemon, "life", { annotations: { wanted: "yes" } });
    const id = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 1000"));
    await update(id, 512n);
    await removePod(daemon, pod.id);
    await eventually("the removal to be told", 30_000, async () => first.heard("removePodSandbox").at(-1));
    const life = first.heard().slice(from);
    assert.deepEqual(
      life.map(({ event }) => event),
      [
        ...["runPodSandbox", "createContainer", "validateContainerAdjustment", "postCreateContainer"],
        ...["startContainer", "postStartContainer", "updateContainer", "postUpdateContainer"],
        ...["stopContainer", "stopPodSandbox", "removeContainer", "removePodSandbox"],
      ],
    );
    const [{ request: configured } = { request: {} }] = first.heard("configure");
    assert.match(configured.config, /plugin-10-first/);
    assert.equal(configured.runtimeName, "berth");
    assert.match(String(configured.requestTimeout), /^[0-9]+n$/);
    assert.deepEqual(first.heard("synchronize").at(-1)?.request, { pods: [], containers: [], more: false });
    const ran = life[0]?.request.pod;
    assert.deepEqual(
      [ran.id, ran.name, ran.namespace, ran.annotations],
      [pod.id, "life", "test", { wanted: "yes" }],
    );
    assert.match(ran.ips[0], /^10\./);
    assert.match(ran.linux.namespaces[0].path, /\/net$/);
    assert.deepEqual(life.at(-1)?.request.pod.ips, ran.ips);
    const made = life[1]?.request.container;
    assert.deepEqual([made.id, made.podSandboxId, made.name], [id, pod.id, "main"]);
    assert.deepEqual(made.args.slice(0, 2), ["/bin/sh", "-c"]);
    assert.ok(made.mounts.some(({ destination }: { destination: string }) => destination === "/etc/hosts"));
    assert.equal(life[6]?.request.linuxResources.cpu.shares.value, "512n");
    assert.deepEqual(
      ["postCreateContainer", "startContainer", "postStartContainer", "stopContainer", "removeContainer"].map(
        (event) => stateIn(first, event),
      ),
      [1, 1, 3, 4, 4],
    );
    assert.equal(first.heard("stopContainer").at(-1)?.request.container.exitCode, 137);
  });

  test("two plugins adjust one container, the second as the first has made it; berth says who did what", async () => {
    first.behave({
      answers: {
        createContainer: {
          adjust: {
            env: [
              { key: "BY_FIRST", value: "one" },
              { key: "PATH_GIVEN", value: "x" },
            ],
            mounts: [
              {
                destination: "/given",
                type: "bind",
                source: daemon.workspace.directory,
                options: ["bind", "ro"],
              },
            ],
            annotations: { "by.first": "1" },
            rlimits: [{ type: "RLIMIT_NOFILE", soft: "512n", hard: "1024n" }],
            linux: {
              devices: [{ path: "/dev/given", type: "c", major: "1n", minor: "3n" }],
              resources: { memory: { limit: { value: "67108864n" } } },
              ioPriority: { class: 2, priority: 6 },
              scheduler: { policy: 4, nice: 3 },
            },
          },
        },
      },
    });
    const second = await connect("20", {
      answers: {
        createContainer: {
          adjust: {
            // takes a variable away that the first has set, and sets another
            env: [
              { key: "-PATH_GIVEN", value: "" },
              { key: "BY_SECOND", value: "two" },
            ],
            args: ["/bin/sh", "-c", show, "zero", "one"],
            linux: { oomScoreAdj: { value: "567n" }, resources: { cpu: { shares: { value: "300n" } } } },
          },
        },
      },
    });
    await daemon.inside("sh", "-c", `echo hi > ${daemon.workspace.directory}/hello`);
    const pod = await runPod(daemon, "adjusted");
    const id = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "false"));
    assert.equal((await exited(daemon, id)).exitCode, 0);
    assert.deepEqual(await logOf(id), ["env=one,two,", "args=zero,one", "512", "hi", "device", "567", ""]);
    const seen = second.heard("createContainer").at(-1)?.request.container;
    assert.ok(seen.env.includes("BY_FIRST=one"));
    assert.ok(seen.mounts.some(({ destination }: { destination: string }) => destination === "/given"));
    const { linux } = second.heard("postCreateContainer").at(-1)?.request.container ?? {};
    assert.deepEqual(linux.ioPriority, { class: 2, priority: 6 });
    assert.deepEqual([linux.scheduler.policy, linux.scheduler.nice], [4, 3]);
    const { info } = await daemon.pods.containerStatus({ containerId: id, verbose: true });
    const told = JSON.parse(info.info ?? "{}");
    assert.deepEqual(told.nri, {
      "env BY_FIRST": "10-first",
      "env BY_SECOND": "20-asked",
      "env PATH_GIVEN": "-20-asked",
      "mounts /given": "10-first",
      "annotations by.first": "10-first",
      "rlimits RLIMIT_NOFILE": "10-first",
      "devices /dev/given": "10-first",
      "mem limit": "10-first",
      "io priority": "10-first",
      "linux sched": "10-first",
      args: "20-asked",
      "oom score adj": "20-asked",
      "cpu shares": "20-asked",
    });
    assert.equal(told.runtimeSpec.linux.resources.memory.limit, 64 << 20);
    assert.equal(told.runtimeSpec.annotations["by.first"], "1");
    const { stdout } = await daemon.command("inspect", id);
    assert.match(stdout, /20-asked/);
  });

  test("what two plugins set is refused, both are named, and what knew of the container hears that it is gone", async () => {
    const adjust = { env: [{ key: "SAME", value: "x" }] };
    first.behave({ answers: { createContainer: { adjust } } });
    await connect("20", { answers: { createContainer: { adjust } } });
    const pod = await runPod(daemon, "conflict");
    await fails(create(pod, "main"), /env SAME was set by 10-first and 20-asked both/);
    assert.deepEqual((await daemon.pods.listContainers({})).containers, []);
    const [made] = first.heard("createContainer").slice(-1);
    assert.equal(first.heard("removeContainer").at(-1)?.request.container.id, made?.request.container.id);
  });

  test("a container's cgroup is its own: one that is there, or that can't be one, no plugin may set", async () => {
    const pod = await runPod(daemon, "cgroups");
    const { linux } = first.heard("runPodSandbox").at(-1)?.request.pod ?? {};
    const isSystemd = daemon.workspace.cgroupDriver === "systemd";
    const taken = isSystemd ? /which is not slice:prefix:name/ : /there is a cgroup .* already/;
    for (const cgroupsPath of [linux.cgroupsPath, isSystemd ? "a:b:c/d" : "/a/../b"]) {
      first.behave({ answers: { createContainer: { adjust: { linux: { cgroupsPath } } } } });
      await fails(create(pod, "main"), cgroupsPath === linux.cgroupsPath ? taken : /sets the cgroups path "/);
    }
  });

  test("a plugin that refuses fails what it was asked; of what it is only told, it can't, and others hear of it", async () => {
    const second = await connect("20");
    first.behave({ refuses: { runPodSandbox: "not on my node", postCreateContainer: "too late" } });
    await fails(runPod(daemon, "refused"), /10-first refused RunPodSandbox: .*not on my node/);
    const report = (await reports()).find(({ name }) => name === "10-first");
    assert.match(report?.lastError ?? "", /^RunPodSandbox: .*not on my node/);
    assert.deepEqual((await daemon.pods.listPodSandbox({})).items, []);
    first.behave({ refuses: { postCreateContainer: "too late", startContainer: "not to be started" } });
    const pod = await runPod(daemon, "told");
    const { containerId } = await create(pod, "main");
    await fails(daemon.pods.startContainer({ containerId }), /refused StartContainer: .*not to be started/);
    assert.equal((await containerStatus(daemon, containerId)).reason, "StartError");
    assert.equal(second.heard("postCreateContainer").at(-1)?.request.container.id, containerId);
  });

  for (const [what, behaviour] of [
    ["doesn't answer", { hangs: ["createContainer"] }],
    ["dies", { dies: ["createContainer"] }],
    ["says what is no answer", { babbles: ["createContainer"] }],
  ] as const) {
    test(`a plugin that ${what} is closed, and the pod goes on without it`, async () => {
      await connect("30", behaviour);
      const pod = await runPod(daemon, "without");
      const id = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "echo on"));
      assert.equal((await exited(daemon, id)).exitCode, 0);
      const closed = (await reports()).find(({ name }) => name === "30-asked");
      assert.equal(closed?.state, "closed");
      assert.notEqual(closed?.problem, "");
      assert.equal((await reports()).find(({ name }) => name === "10-first")?.state, "active");
    });
  }

  test("plugins update and evict other containers, in answers and by themselves", async () => {
    const pod = await runPod(daemon, "updates");
    const id = await runContainer(daemon, pod, shellConfig("old", busyboxImage, "sleep 1000"));
    const victim = await runContainer(daemon, pod, shellConfig("victim", busyboxImage, "sleep 1000"));
    const limit = (containerId: string, bytes: string) => ({
      containerId,
      linux: { resources: { memory: { limit: { value: bytes } } } },
    });
    const limitOf = async () =>
      Number((await containerStatus(daemon, id)).resources?.linux?.memoryLimitInBytes ?? 0n);
    first.behave({ answers: { createContainer: { update: [limit(id, "33554432n")] } } });
    await create(pod, "new");
    assert.equal(await limitOf(), 32 << 20);
    const asking = await connect("20");
    assert.deepEqual(await asking.ask({ update: [limit(id, "50331648n"), limit("f".repeat(64), "1n")] }), [
      "f".repeat(64),
    ]);
    assert.equal(await limitOf(), 48 << 20);
    assert.deepEqual(await adjustedOf(id), { "mem limit": "20-asked" });
    await asking.ask({ evict: [{ containerId: victim, reason: "there is no room" }] });
    const { exitCode, message } = await exited(daemon, victim);
    assert.deepEqual(
      [exitCode, message],
      [137, "evicted, as NRI plugin 20-asked asked for: there is no room"],
    );
    first.behave({ answers: { updateContainer: { update: [limit(id, "41943040n")] } } });
    await update(id, 256n);
    assert.equal(await limitOf(), 40 << 20);
    assert.deepEqual(await adjustedOf(id), { "mem limit": "10-first" });
    first.behave({});
    await daemon.pods.updateContainerResources({
      containerId: id,
      linux: LinuxContainerResources.create({ memoryLimitInBytes: 44n << 20n }),
    });
    assert.deepEqual(await adjustedOf(id), {}, "what the caller sets is no plugin's any more");
  });

  test("pods under a shim are told, adjusted, updated and evicted as others", async () => {
    const from = first.heard().length;
    const adjust = {
      env: [{ key: "BY_FIRST", value: "one" }],
      linux: { resources: { memory: { limit: { value: "67108864n" } } } },
    };
    first.behave({ answers: { createContainer: { adjust } } });
    const pod = await runPod(daemon, "shim", {}, shimHandler);
    const id = await runContainer(
      daemon,
      pod,
      shellConfig("main", busyboxImage, "echo $BY_FIRST; sleep 1000"),
    );
    await eventually("output", 10_000, async () => ((await logOf(id))[0] === "one" ? true : undefined));
    const asking = await connect("20");
    const shown = asking.heard("synchronize").at(-1)?.request.containers[0];
    const { info } = await daemon.pods.containerStatus({ containerId: id, verbose: true });
    assert.deepEqual([shown.id, shown.state, shown.pid], [id, 3, JSON.parse(info.info ?? "{}").pid]);
    const resources = { memory: { limit: { value: "50331648n" } } };
    assert.deepEqual(await asking.ask({ update: [{ containerId: id, linux: { resources } }] }), []);
    const { resources: limits } = await containerStatus(daemon, id);
    assert.equal(limits?.linux?.memoryLimitInBytes, 48n << 20n);
    await asking.ask({ evict: [{ containerId: id, reason: "" }] });
    assert.match((await exited(daemon, id)).message, /as NRI plugin 20-asked asked for: it gave no reason/);
    await removePod(daemon, pod.id);
    const events = first.heard().slice(from);
    assert.deepEqual(
      events.map(({ event }) => event),
      [
        ...["runPodSandbox", "createContainer", "validateContainerAdjustment", "postCreateContainer"],
        ...["startContainer", "postStartContainer", "stopContainer"],
        ...["stopPodSandbox", "removeContainer", "removePodSandbox"],
      ],
    );
  });

  test("a launched plugin that has died is launched again after a pause, alone, and shown what came meanwhile", async () => {
    const report = async (state: string) =>
      (await reports()).find((one) => one.name === "10-first" && one.state === state);
    const before = await report("active");
    first.behave({ dies: ["configure", "createContainer"] });
    const pod = await runPod(daemon, "meanwhile");
    const id = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 1000"));
    await eventually("its end to be told", 30_000, () => report("waiting"));
    first.behave({});
    const now = await eventually("the plugin to be back", 60_000, () => report("active"));
    assert.notEqual(now.pid, before?.pid);
    assert.equal((await allLaunched()).length, 2, "a shell, and what it waits for");
    const { pods, containers } = first.heard("synchronize").at(-1)?.request ?? {};
    assert.deepEqual([pods, containers].map(ids), [[pod.id], [id]]);
    assert.equal((await reports()).filter(({ name }) => name === "10-first").length, 2, "and its last end");
    const doctor = await daemon.inside(
      berthCommand,
      "doctor",
      "--config",
      daemon.workspace.configFile,
      "nri",
    );
    assert.match(doctor.stdout, /NRI plugin 10-first had ended, and was launched again/);
  });

  test("after a restart of the daemon, plugins are shown what runs, and none is launched beside itself", async () => {
    const outside = await connect("20");
    first.behave({ clings: true });
    const launched = await allLaunched();
    assert.equal(launched.length, 2, "a shell, and what it waits for");
    const pod = await runPod(daemon, "standing");
    const id = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 1000"));
    await daemon.kill();
    await outside.ended(); // as upstream's, which are started again by who runs them
    assert.deepEqual(
      launched.map(({ pid }) => processIdentity(pid)?.startTicks),
      launched.map(({ startTicks }) => startTicks),
    );
    await daemon.launch();
    for (const { pid, startTicks } of launched) assert.notEqual(processIdentity(pid)?.startTicks, startTicks);
    assert.equal((await allLaunched()).length, 2);
    await outside.connect(daemon, "20");
    assert.equal((await reports()).find(({ name }) => name === "20-asked")?.pid, outside.pid);
    for (const plugin of [first, outside]) {
      const { pods, containers } = plugin.heard("synchronize").at(-1)?.request ?? {};
      assert.deepEqual(ids(pods), [pod.id]);
      assert.deepEqual(
        containers.map((one: { id: string; state: number }) => [one.id, one.state]),
        [[id, 3]],
      );
    }
    await removePod(daemon, pod.id);
    await eventually("the stop to be told", 30_000, async () => outside.heard("stopContainer").at(-1));
  });

  test("what can't be given names the plugins that asked for it, whoever finds out", async () => {
    const pod = await runPod(daemon, "impossible");
    first.behave({ answers: { createContainer: { adjust: { env: [{ key: "=B", value: "x" }] } } } });
    await fails(create(pod, "env"), /as NRI plugins 10-first ask: .*"=B" is not a variable's name/);
    const netDevices = { nodev0: { name: "eth9" } };
    first.behave({ answers: { createContainer: { adjust: { linux: { netDevices } } } } });
    await fails(create(pod, "interface"), /10-first ask: .*nodev0.* moves no network devices/);
    const mounts = [{ destination: "/given", type: "bind", source: "/not/there", options: ["bind"] }];
    first.behave({ answers: { createContainer: { adjust: { mounts } } } });
    await fails(create(pod, "mount"), /as NRI plugins 10-first adjusted it: .*\/not\/there/);
  });

  test("a plugin that a pod requires has to be there; what the rules forbid, no plugin may set", async () => {
    const annotations = { "required-plugins.noderesource.dev": "[asked]" };
    const pod = await runPod(daemon, "requiring", { annotations });
    await fails(create(pod, "early"), /required plugins are missing: asked/);
    const plugin = await connect("20");
    await create(pod, "late");
    const hooks = { prestart: [{ path: "/bin/true" }] };
    plugin.behave({ answers: { createContainer: { adjust: { hooks } } } });
    await fails(create(pod, "hooked"), /20-asked may not set OCI hooks/);
  });
});
