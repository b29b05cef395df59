import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isFault } from "../../src/base/fault.ts";
import {
  LinuxContainerSecurityContext,
  LinuxSandboxSecurityContext,
  Mount,
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
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import {
  type Effect,
  effects,
  ids,
  Localhost,
  namespaceOptions,
  profile,
  RuntimeDefault,
  type Security,
  status,
} from "../harness/security-effects.ts";
import { systemCallProgram } from "../images/system-call.ts";

/** As the kernel holds groups; `id` names the primary one first. */
const inOrder = ([primary, ...others]: readonly bigint[]) => [
  primary,
  ...others.toSorted((a, b) => Number(a - b)),
];
/** cachestat, fchmodat2, futex_wait, mseal; Debian 12's libseccomp knows none of them. And one that no kernel has. */
const newCalls = [451, 452, 455, 462, 999];
const { ENOSYS } = constants.errno;

/** What a container wrote, from its log: a shell may write half a line at a time, which is marked as P for partial. */
function textOf(log: string): string {
  const entries = log
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" "));
  return entries.map(([, , tag, ...text]) => `${text.join(" ")}${tag === "P" ? "" : "\n"}`).join("");
}

// crun in a mount namespace of its own, runc in the host's.
for (const runtime of ["crun", "runc"] as const) {
  describe(`security and other fields of a container on ${runtime}`, privileged, () => {
    let daemon: TestDaemon;
    let pod: MadePod;

    before(async () => {
      daemon = await TestDaemon.start({
        runtime,
        extraConfig:
          '[container]\nsysctls = { "net.ipv4.ip_default_ttl" = "43", "kernel.shm_rmid_forced" = "0" }',
      });
      await importBusybox(daemon);
      pod = await runPod(daemon, "fields");
    });

    after(() => endDaemon(daemon));

    let count = 0;

    /** Runs the script to its end. @returns the container's id and what it wrote */
    async function written(
      { security, config, script }: Pick<Effect, "security" | "config" | "script">,
      inPod = pod,
    ): Promise<{ readonly id: string; readonly text: string }> {
      const name = `c${++count}`;
      const securityContext = LinuxContainerSecurityContext.create({ namespaceOptions, ...security });
      const id = await runContainer(
        daemon,
        inPod,
        shellConfig(name, busyboxImage, script, { linux: { securityContext }, ...config }),
      );
      await exited(daemon, id);
      const log = readFileSync(join(inPod.config.logDirectory, `${name}.log`), "utf8");
      return { id, text: textOf(log) };
    }

    for (const effect of effects) {
      test(effect.field, async () => {
        const { id, text } = await written(effect);
        if (typeof effect.writes === "string") assert.equal(text, effect.writes);
        else assert.match(text, effect.writes);
        if (effect.script !== ids) return;
        const user = (await containerStatus(daemon, id)).user?.linux;
        const groups = inOrder(user?.supplementalGroups ?? []).join(" ");
        assert.equal(
          `${user?.uid}\n${user?.gid}\n${groups}\n`,
          text,
          "ContainerStatus.user is what the process has",
        );
      });
    }

    test("seccomp Localhost: a profile of the node, by its path", async () => {
      const path = join(daemon.workspace.directory, "no-mkdir.json");
      const syscalls = [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }];
      writeFileSync(path, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls }));
      const script = "mkdir /x 2>&1; touch /y && echo y";
      for (const seccomp of [
        { seccomp: profile(Localhost, path) },
        { seccompProfilePath: `localhost/${path}` },
      ]) {
        const { text } = await written({ security: seccomp, script });
        assert.match(text, /Operation not permitted\ny\n$/);
      }
    });

    test("system calls that are newer than profile, libseccomp or kernel are not there, rather than forbidden", async () => {
      const hostPath = join(daemon.workspace.directory, "calls");
      mkdirSync(hostPath);
      for (const call of newCalls)
        writeFileSync(join(hostPath, `${call}`), systemCallProgram(call), { mode: 0o755 });
      const mounts = [Mount.create({ containerPath: "/calls", hostPath, readonly: true })];
      const script = `for call in ${newCalls.join(" ")}; do /calls/$call; echo $?; done; ${status("Seccomp")}`;
      const usual = JSON.parse(readFileSync("/usr/share/containers/seccomp.json", "utf8"));
      usual.syscalls.push({ names: ["a_call_of_tomorrow"], action: "SCMP_ACT_ALLOW" });
      const path = join(daemon.workspace.directory, "newer.json");
      writeFileSync(path, JSON.stringify(usual));
      for (const seccomp of [profile(RuntimeDefault), profile(Localhost, path)]) {
        const { text } = await written({ security: { seccomp }, config: { mounts }, script });
        assert.equal(text, `${`${ENOSYS}\n`.repeat(newCalls.length)}Seccomp:2\n`);
      }
    });

    test("privileged: everything, in a pod that is privileged, too", async () => {
      const securityContext = LinuxSandboxSecurityContext.create({ namespaceOptions, privileged: true });
      const inPod = await runPod(daemon, "privileged", { linux: { securityContext } });
      const security = { privileged: true, maskedPaths: ["/proc/version"], seccomp: profile(RuntimeDefault) };
      const script = `${status("CapBnd")}; ${status("Seccomp")}; wc -c </proc/version | grep -c '^0$';
        test -w /sys/kernel && mount -t tmpfs tmpfs /tmp && echo mounted; ls /dev | grep -c '^loop-control$'`;
      const { text } = await written({ security, script }, inPod);
      const own = /CapBnd:\s*([0-9a-f]+)/.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
      const loop = existsSync("/dev/loop-control") ? "1" : "0";
      assert.equal(text, `CapBnd:${own}\nSeccomp:0\n0\nmounted\n${loop}\n`);
    });

    test("what this node can't give, or contradicts itself, is refused by the field's name", async () => {
      const apparmor = existsSync("/sys/module/apparmor/parameters/enabled");
      const refused: readonly (readonly [Security, RegExp])[] = [
        [{ privileged: true }, /privileged is set, but the pod is not privileged/],
        [{ capabilities: { addCapabilities: ["NET_RAWR"] } }, /"NET_RAWR" is not a capability/],
        [{ runAsGroup: { value: 5n } }, /run_as_group: set, although neither/],
        [{ runAsUsername: "nobodyknows" }, /nobodyknows/],
        [{ seccomp: profile(Localhost, "/no/such.json") }, /profile \/no\/such\.json can't be read/],
        [{ seccomp: profile(Localhost) }, /seccomp\.localhost_ref: missing/],
        [{ maskedPaths: ["proc/kcore"] }, /"proc\/kcore" is not an absolute path/],
        [{ selinuxOptions: { user: "", role: "", type: "", level: "s0:x" } }, /level "s0:x" is malformed/],
        ...(apparmor
          ? []
          : ([
              [
                { apparmor: profile(Localhost, "mine") },
                /"mine" is asked for, but this kernel has no AppArmor/,
              ],
              [{ apparmorProfile: "localhost/mine" }, /"mine" is asked for, but this kernel has no AppArmor/],
            ] as const)),
      ];
      for (const [security, message] of refused) {
        await assert.rejects(
          written({ security, script: "true" }),
          (error) => isFault(error, "invalid") && message.test(error.message),
          String(message),
        );
      }
      const windows = { resources: undefined, securityContext: undefined };
      await assert.rejects(
        written({ config: { windows }, script: "true" }),
        (error) => isFault(error, "invalid") && /config\.windows/.test(error.message),
      );
    });

    test("a pod's sysctls, host name and name servers", async () => {
      const inPod = await runPod(daemon, "sandbox", {
        hostname: "of-the-pod",
        dnsConfig: { servers: ["192.0.2.53"], searches: ["a.example"], options: ["ndots:3"] },
        linux: {
          securityContext: { namespaceOptions },
          sysctls: { "net.ipv4.ip_unprivileged_port_start": "1", "kernel.shm_rmid_forced": "1" },
        },
      });
      const { text } = await written(
        {
          script: `hostname; cat /etc/resolv.conf /proc/sys/net/ipv4/ip_unprivileged_port_start \
            /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_default_ttl`,
        },
        inPod,
      );
      assert.equal(text, "of-the-pod\nsearch a.example\nnameserver 192.0.2.53\noptions ndots:3\n1\n1\n43\n");
      const sysctls = { "vm.swappiness": "1" };
      await assert.rejects(
        runPod(daemon, "unsafe", { linux: { securityContext: { namespaceOptions }, sysctls } }),
        (error) => isFault(error, "invalid") && /vm\.swappiness.*whole node/.test(error.message),
      );
    });

    test("stop_signal is the one that is sent, and told", async () => {
      const id = await runContainer(
        daemon,
        pod,
        shellConfig(
          "signal",
          busyboxImage,
          "trap 'exit 7' USR1; echo up; while :; do sleep 1 & wait $!; done",
          {
            stopSignal: Signal.SIGNAL_SIGUSR1,
          },
        ),
      );
      assert.equal((await containerStatus(daemon, id)).stopSignal, Signal.SIGNAL_SIGUSR1);
      const log = join(pod.config.logDirectory, "signal.log");
      await eventually("the trap to be set", 10_000, async () =>
        existsSync(log) && readFileSync(log, "utf8").includes("up") ? true : undefined,
      );
      await daemon.pods.stopContainer({ containerId: id, timeout: 10n });
      assert.equal((await exited(daemon, id)).exitCode, 7);
    });
  });
}
