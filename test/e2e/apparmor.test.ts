import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { describeFault, isFault } from "../../src/base/fault.ts";
import { readLoadedProfiles } from "../../src/linux/apparmor/kernel.ts";
import { NodeApparmor } from "../../src/linux/apparmor/profiles.ts";
import { hostFiles } from "../../src/linux/files.ts";
import { HostThread } from "../../src/linux/host-thread.ts";
import { hostProcesses } from "../../src/linux/processes.ts";
import {
  LinuxContainerSecurityContext,
  NamespaceMode,
  SecurityProfile_ProfileType,
} from "../../src/wire/gen/runtime.v1.ts";
import { loadProfile, unloadProfile, withApparmor } from "../harness/apparmor.ts";
import { berthCommand } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { assertFound, assertHealthy, examine } from "../harness/doctor.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { eventually, exited, type MadePod, podConfig, runContainer, shellConfig } from "../harness/pods.ts";

type Security = Parameters<typeof LinuxContainerSecurityContext.create>[0];

const { RuntimeDefault, Unconfined, Localhost } = SecurityProfile_ProfileType;
const profile = (profileType: SecurityProfile_ProfileType, localhostRef = "") => ({
  profileType,
  localhostRef,
});
const namespaceOptions = {
  network: NamespaceMode.POD,
  pid: NamespaceMode.CONTAINER,
  ipc: NamespaceMode.POD,
};
const denyWrites = "berth-test-deny-writes";
const own = "berth-default";
const label = "cat /proc/self/attr/current";
const forever = "trap 'exit 3' TERM; while :; do sleep 0.1; done";

/** What a container with every capability and nothing masked tries, and whether it may. */
const attempts: readonly (readonly [what: string, script: string, may: "yes" | "no"])[] = [
  ["settings of the kernel", "echo 1 > /proc/sys/kernel/panic", "no"],
  ["settings of the virtual memory", "echo 1 > /proc/sys/vm/drop_caches", "no"],
  ["the domain of the host", "echo x > /proc/sys/kernel/domainname", "no"],
  ["the magic key", "echo h > /proc/sysrq-trigger", "no"],
  ["interrupts", "echo 1 > /proc/irq/default_smp_affinity", "no"],
  ["a mount", "mount -t tmpfs tmpfs /tmp", "no"],
  ["a power state", "echo x > /sys/power/state", "no"],
  ["a kernel object", "echo 1 > /sys/kernel/uevent_helper", "no"],
  ["loaded profiles", "ls /sys/kernel/security/apparmor", "no"],
  ["shared memory", "echo 1000000 > /proc/sys/kernel/shmmax", "yes"],
  ["its own process", "echo 500 > /proc/self/oom_score_adj", "yes"],
  ["its own files", "echo x > /x", "yes"],
  ["a signal to a process of its own", "sleep 100 & kill $!", "yes"],
  ["a look at a process of its own", "ls /proc/1/fd", "yes"],
  ["an unmount", "umount /dev/mqueue", "yes"],
];

describe("AppArmor", withApparmor, () => {
  let daemon: TestDaemon;
  /** On runc, and privileged so that its containers may be. */
  let pod: MadePod;
  let onCrun: MadePod;
  let count = 0;

  before(async () => {
    loadProfile(denyWrites, "file,\ndeny /** w,\nsignal (receive),");
    daemon = await TestDaemon.start({ runtime: "runc" });
    await importBusybox(daemon);
    const securityContext = { namespaceOptions, privileged: true };
    pod = await run("runc", { linux: { securityContext } });
    onCrun = await run("crun");
  });

  after(async () => {
    await endDaemon(daemon);
    unloadProfile(denyWrites);
  });

  async function run(runtimeHandler: string, overrides = {}): Promise<MadePod> {
    const config = podConfig(daemon, `on-${runtimeHandler}`, overrides);
    const { podSandboxId } = await daemon.pods.runPodSandbox({ config, runtimeHandler });
    return { id: podSandboxId, config };
  }

  function start(inPod: MadePod, security: Security = {}, script = forever): Promise<string> {
    const securityContext = LinuxContainerSecurityContext.create({ namespaceOptions, ...security });
    const config = shellConfig(`c${++count}`, busyboxImage, script, { linux: { securityContext } });
    return runContainer(daemon, inPod, config);
  }

  /** What a container that asks for this runs under. */
  async function labelOf(security: Security = {}): Promise<string> {
    const id = await start(pod, security, label);
    await exited(daemon, id, 60_000);
    const log = readFileSync(join(pod.config.logDirectory, `c${count}.log`), "utf8");
    return log.trimEnd().split(" ").slice(3).join(" ");
  }

  async function exec(containerId: string, script: string): Promise<string> {
    const cmd = ["/bin/sh", "-c", script];
    const { stdout } = await daemon.pods.execSync({ containerId, cmd, timeout: 60n });
    return stdout.toString().trim();
  }

  async function stop(containerId: string): Promise<number> {
    await daemon.pods.stopContainer({ containerId, timeout: 60n });
    return (await exited(daemon, containerId)).exitCode;
  }

  async function reload(settings: string): Promise<void> {
    const dropIns = join(daemon.workspace.directory, "config.d");
    mkdirSync(dropIns, { recursive: true });
    writeFileSync(join(dropIns, "apparmor.toml"), `[apparmor]\n${settings}\n`);
    const times = () => readFileSync(daemon.logFile, "utf8").split('"HUP: ').length;
    const before = times();
    process.kill(daemon.pid, "SIGHUP");
    await eventually("the settings to be read", 60_000, async () => times() > before || undefined);
  }

  for (const handler of ["crun", "runc"]) {
    test(`${handler}: who asks for nothing runs under berth's profile, commands in it, too`, async () => {
      const inPod = handler === "runc" ? pod : onCrun;
      const id = await start(inPod, { capabilities: { addCapabilities: ["ALL"] } });
      const tries = attempts.map(
        ([what, script]) =>
          `if (${script}) >/dev/null 2>&1; then echo "${what}: yes"; else echo "${what}: no"; fi`,
      );
      const said = await exec(id, [label, "cat /proc/1/attr/current", ...tries].join("\n"));
      const allowed = attempts.map(([what, , may]) => `${what}: ${may}`);
      assert.deepEqual(said.split("\n"), [`${own} (enforce)`, `${own} (enforce)`, ...allowed]);
      assert.equal(await stop(id), 3, "its stop signal arrived");
    });

    test(`${handler}: who names a profile runs under that, commands in it, too`, async () => {
      const inPod = handler === "runc" ? pod : onCrun;
      const id = await start(inPod, { apparmor: profile(Localhost, denyWrites), noNewPrivs: true });
      assert.equal(
        await exec(id, `${label} /proc/1/attr/current; touch /tmp/x 2>&1`),
        `${denyWrites} (enforce)\n${denyWrites} (enforce)\ntouch: /tmp/x: Permission denied`,
      );
      const shown = await daemon.command("inspect", id);
      assert.match(shown.stdout, new RegExp(`^AppArmor +${denyWrites} \\(enforce\\)$`, "m"));
      assert.equal(await stop(id), 3);
    });
  }

  test("each way to ask counts; the deprecated field where the other is absent", async () => {
    const asked: readonly (readonly [Security, string])[] = [
      [{ apparmorProfile: `localhost/${denyWrites}` }, `${denyWrites} (enforce)`],
      [
        { apparmor: profile(Localhost, `localhost/${denyWrites}`), apparmorProfile: "localhost/no-such" },
        `${denyWrites} (enforce)`,
      ],
      [{ apparmor: profile(RuntimeDefault) }, `${own} (enforce)`],
      [{ apparmor: profile(Unconfined) }, "unconfined"],
      [{ privileged: true, apparmor: profile(RuntimeDefault) }, "unconfined"],
      [{ privileged: true, apparmor: profile(Localhost, denyWrites) }, `${denyWrites} (enforce)`],
    ];
    for (const [security, shown] of asked) {
      assert.equal(await labelOf(security), shown, JSON.stringify(security));
    }
  });

  test("a name that the node doesn't have is refused, with what to do", async () => {
    const asked: readonly (readonly [Security, RegExp])[] = [
      [
        { apparmor: profile(Localhost, "no-such") },
        /apparmor: profile "no-such" is not loaded.*apparmor_parser/,
      ],
      [{ apparmorProfile: "localhost/no-such" }, /profile "no-such" is not loaded/],
      [{ apparmor: profile(Localhost, "berth-test-deny-write") }, /did you mean "berth-test-deny-writes"\?/],
    ];
    for (const [security, message] of asked) {
      await assert.rejects(
        start(pod, security),
        (error) => isFault(error, "invalid") && message.test(describeFault(error)),
        String(message),
      );
    }
  });

  test("berth's profile, taken away, is loaded again when it is needed; doctor sees that it is another", async () => {
    assertHealthy(await examine(daemon.workspace, ["apparmor"]));
    unloadProfile(own);
    assertFound(await examine(daemon.workspace, ["apparmor"]), "warning", /berth-default is not loaded/);
    assert.equal(await labelOf(), `${own} (enforce)`);
    loadProfile(own, "file,\nsignal,");
    assertFound(await examine(daemon.workspace, ["apparmor"]), "warning", /not as berth makes it/, /reload/);
    await reload("enable = true");
    assertHealthy(await examine(daemon.workspace, ["apparmor"]));
  });

  test("the settings are read again on HUP", async () => {
    await reload(`profile = "${denyWrites}"`);
    assert.equal(await labelOf(), `${denyWrites} (enforce)`);
    await reload('profile = "unconfined"');
    assert.equal(await labelOf(), "unconfined");
    await reload('profile = "no-such"');
    await assert.rejects(start(pod), (error) =>
      /no-such is not loaded.*apparmor\.profile/.test(describeFault(error)),
    );
    const info = await daemon.command("info");
    assert.match(info.stdout, /no-such +no +.*not loaded/);
    await reload("enable = false");
    assert.equal(await labelOf(), "unconfined");
    await assert.rejects(
      start(pod, { apparmor: profile(Localhost, denyWrites) }),
      (error) => isFault(error, "invalid") && /setting apparmor\.enable is false/.test(error.message),
    );
    await reload("enable = true");
  });

  test("without the parser, nobody gets a profile that isn't loaded", async () => {
    unloadProfile(own);
    await using thread = new HostThread(1000);
    const tools = {
      processes: hostProcesses(),
      files: hostFiles(thread),
      path: "/nowhere",
      directory: daemon.workspace.directory,
    };
    const node = await NodeApparmor.open({ enable: true, profile: own }, tools);
    await node.prepare();
    assert.equal(await node.provide(own), "noParser");
    assert.equal(await node.provide(denyWrites), "loaded");
    const problem = "the profile berth-default is not loaded, and there is no apparmor_parser to load it";
    assert.deepEqual(await node.report(), { profile: own, problem });
  });

  test("a daemon that is confined itself has its containers confined, and ends them", async () => {
    const everything =
      "capability, file, network, mount, umount, pivot_root, signal, ptrace, change_profile,";
    const name = "berth-test-daemon";
    loadProfile(name, everything);
    const command = join(daemon.workspace.directory, "confined-berth");
    writeFileSync(command, `#!/bin/sh\nexec aa-exec --profile=${name} -- ${berthCommand} "$@"\n`, {
      mode: 0o755,
    });
    await daemon.stop();
    await daemon.launch(command);
    const id = await start(onCrun);
    assert.equal(await exec(id, label), `${own} (enforce)`);
    assert.equal(await stop(id), 3, "its stop signal arrived");
    await daemon.stop();
    await daemon.launch();
    unloadProfile(name);
    assert.equal((await readLoadedProfiles()).get(own), "enforce");
  });
});
