import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { describeFault, isFault } from "../../src/base/fault.ts";
import { readLoadedProfiles } from "../../src/linux/apparmor/kernel.ts";
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
import {
  eventually,
  exited,
  type MadePod,
  podConfig,
  removePod,
  runContainer,
  shellConfig,
} from "../harness/pods.ts";

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

describe("AppArmor", withApparmor, () => {
  let daemon: TestDaemon;
  let count = 0;

  before(async () => {
    loadProfile(denyWrites, "file,\ndeny /** w,\nsignal (receive),");
    daemon = await TestDaemon.start({ runtime: "runc" });
    await importBusybox(daemon);
  });

  after(async () => {
    await endDaemon(daemon);
    unloadProfile(denyWrites);
  });

  async function run(name: string, runtimeHandler: string, overrides = {}): Promise<MadePod> {
    const config = podConfig(daemon, name, overrides);
    const { podSandboxId } = await daemon.pods.runPodSandbox({ config, runtimeHandler });
    return { id: podSandboxId, config };
  }

  function start(pod: MadePod, security: Security = {}, script = forever): Promise<string> {
    const securityContext = LinuxContainerSecurityContext.create({ namespaceOptions, ...security });
    return runContainer(
      daemon,
      pod,
      shellConfig(`c${++count}`, busyboxImage, script, { linux: { securityContext } }),
    );
  }

  async function exec(containerId: string, script: string): Promise<string> {
    const cmd = ["/bin/sh", "-c", script];
    const { stdout } = await daemon.pods.execSync({ containerId, cmd, timeout: 30n });
    return stdout.toString().trim();
  }

  async function stop(containerId: string): Promise<number> {
    await daemon.pods.stopContainer({ containerId, timeout: 30n });
    return (await exited(daemon, containerId)).exitCode;
  }

  async function reload(settings: string, told: RegExp): Promise<void> {
    const dropIns = join(daemon.workspace.directory, "config.d");
    mkdirSync(dropIns, { recursive: true });
    writeFileSync(join(dropIns, "apparmor.toml"), `[apparmor]\n${settings}\n`);
    const lines = () =>
      daemon
        .logTail(10_000)
        .split("\n")
        .filter((line) => told.test(line)).length;
    const before = lines();
    process.kill(daemon.pid, "SIGHUP");
    await eventually("the settings to be read", 60_000, async () => lines() > before || undefined);
  }

  for (const handler of ["crun", "runc"]) {
    test(`${handler}: who asks for nothing runs under berth's profile, commands in it, too`, async () => {
      const pod = await run("default", handler);
      const id = await start(pod, { capabilities: { addCapabilities: ["ALL"] } });
      assert.equal(await exec(id, label), `${own} (enforce)`);
      assert.equal(await exec(id, "cat /proc/1/attr/current"), `${own} (enforce)`);
      const attempts = {
        "settings of the kernel": "echo 1 > /proc/sys/kernel/panic",
        "settings of the virtual memory": "echo 1 > /proc/sys/vm/drop_caches",
        "the domain of the host": "echo x > /proc/sys/kernel/domainname",
        "the magic key": "echo h > /proc/sysrq-trigger",
        interrupts: "echo 1 > /proc/irq/default_smp_affinity",
        "a mount": "mount -t tmpfs tmpfs /tmp",
        "a power state": "echo x > /sys/power/state",
        "a kernel object": "echo 1 > /sys/kernel/uevent_helper",
        "loaded profiles": "ls /sys/kernel/security/apparmor",
        "memory shared": "echo 1000000 > /proc/sys/kernel/shmmax",
        "its own process": "echo 500 > /proc/self/oom_score_adj",
        "its own files": "echo x > /x",
        "a signal to a process of its own": "sleep 100 & kill $!",
        "a look at a process of its own": "ls /proc/1/fd",
        "an unmount": "umount /dev/mqueue",
      };
      const tries = Object.entries(attempts).map(
        ([what, script]) =>
          `if (${script}) >/dev/null 2>&1; then echo yes, ${what}; else echo no, ${what}; fi`,
      );
      assert.deepEqual((await exec(id, tries.join("\n"))).split("\n"), [
        "no, settings of the kernel",
        "no, settings of the virtual memory",
        "no, the domain of the host",
        "no, the magic key",
        "no, interrupts",
        "no, a mount",
        "no, a power state",
        "no, a kernel object",
        "no, loaded profiles",
        "yes, memory shared",
        "yes, its own process",
        "yes, its own files",
        "yes, a signal to a process of its own",
        "yes, a look at a process of its own",
        "yes, an unmount",
      ]);
      assert.equal(await stop(id), 3, "its stop signal arrived");
      await removePod(daemon, pod.id);
    });

    test(`${handler}: who names a profile runs under that, commands in it, too`, async () => {
      const pod = await run("named", handler);
      const asked: readonly Security[] = [
        { apparmor: profile(Localhost, denyWrites) },
        { apparmorProfile: `localhost/${denyWrites}` },
        { apparmor: profile(Localhost, `localhost/${denyWrites}`), apparmorProfile: "localhost/no-such" },
      ];
      for (const security of asked) {
        const id = await start(pod, security, `${label} && touch /tmp/x`);
        assert.equal((await exited(daemon, id)).exitCode, 1);
      }
      const id = await start(pod, { apparmor: profile(Localhost, denyWrites), noNewPrivs: true });
      assert.equal(await exec(id, label), `${denyWrites} (enforce)`);
      assert.equal(await exec(id, "touch /tmp/x 2>&1"), "touch: /tmp/x: Permission denied");
      const shown = await daemon.command("inspect", id);
      assert.match(shown.stdout, new RegExp(`^apparmor +${denyWrites} \\(enforce\\)$`, "im"));
      assert.equal(await stop(id), 3);
      await removePod(daemon, pod.id);
    });
  }

  test("who asks to be unconfined, or is privileged, is", async () => {
    const securityContext = { namespaceOptions, privileged: true };
    const pod = await run("unconfined", "runc", { linux: { securityContext } });
    const asked: readonly (readonly [Security, string])[] = [
      [{ apparmor: profile(Unconfined) }, "unconfined"],
      [{ apparmorProfile: "unconfined" }, "unconfined"],
      [{ privileged: true }, "unconfined"],
      [{ privileged: true, apparmor: profile(RuntimeDefault) }, "unconfined"],
      [{ privileged: true, apparmor: profile(Localhost, denyWrites) }, `${denyWrites} (enforce)`],
      [{ apparmor: profile(RuntimeDefault) }, `${own} (enforce)`],
      [{ apparmorProfile: "runtime/default" }, `${own} (enforce)`],
    ];
    for (const [security, shown] of asked) {
      const id = await start(pod, security);
      assert.equal(await exec(id, label), shown, JSON.stringify(security));
    }
    await removePod(daemon, pod.id);
  });

  test("a name that the node doesn't have is refused, with what to do", async () => {
    const pod = await run("refused", "runc");
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
    await removePod(daemon, pod.id);
  });

  test("berth's profile, taken away, is loaded again when it is needed; doctor sees that it is another", async () => {
    const pod = await run("again", "runc");
    assertHealthy(await examine(daemon.workspace, ["apparmor"]));
    unloadProfile(own);
    assertFound(await examine(daemon.workspace, ["apparmor"]), "warning", /berth-default is not loaded/);
    assert.equal(await exec(await start(pod), label), `${own} (enforce)`);
    loadProfile(own, "file,\nsignal,");
    assertFound(await examine(daemon.workspace, ["apparmor"]), "warning", /not as berth makes it/, /reload/);
    await reload("enable = true", /HUP/);
    assertHealthy(await examine(daemon.workspace, ["apparmor"]));
    await removePod(daemon, pod.id);
  });

  test("the settings are read again on HUP", async () => {
    const pod = await run("settings", "runc");
    await reload(`profile = "${denyWrites}"`, /HUP/);
    assert.equal(await exec(await start(pod), label), `${denyWrites} (enforce)`);
    await reload('profile = "unconfined"', /HUP/);
    assert.equal(await exec(await start(pod), label), "unconfined");
    await reload('profile = "no-such"', /HUP/);
    await assert.rejects(start(pod), (error) =>
      /no-such is not loaded.*apparmor\.profile/.test(describeFault(error)),
    );
    const info = await daemon.command("info");
    assert.match(info.stdout, /no-such +no +.*not loaded/);
    await reload("enable = false", /HUP/);
    assert.equal(await exec(await start(pod), label), "unconfined");
    await assert.rejects(
      start(pod, { apparmor: profile(Localhost, denyWrites) }),
      (error) => isFault(error, "invalid") && /setting apparmor\.enable is false/.test(error.message),
    );
    await reload("enable = true", /HUP/);
    await removePod(daemon, pod.id);
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
    for (const handler of ["crun", "runc"]) {
      const pod = await run("confined", handler);
      const id = await start(pod);
      assert.equal(await exec(id, label), `${own} (enforce)`);
      assert.equal(await stop(id), 3, "its stop signal arrived");
      await removePod(daemon, pod.id);
    }
    await daemon.stop();
    await daemon.launch();
    unloadProfile(name);
    assert.equal((await readLoadedProfiles()).get(own), "enforce");
  });
});
