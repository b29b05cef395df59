import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chownSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { describeFault, isFault } from "../../src/base/fault.ts";
import { lowestOomScoreAdj } from "../../src/linux/oom-score.ts";
import { LoopDisk, noDisk } from "../../src/snapshot/testing/loop-disk.ts";
import {
  type ContainerConfig,
  ImageSpec,
  MountPropagation,
  NamespaceMode,
  type PodSandboxConfig,
  SecurityProfile_ProfileType,
} from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  eventually,
  exited,
  type MadePod,
  removeAllPods,
  removePod,
  runContainer,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { idsOfPod, mountMappings, usersOptions, usersPodConfig } from "../harness/user-namespaces.ts";
import { busyboxLayer, directory, file } from "../images/busybox.ts";
import { writeOciArchive } from "../images/image.ts";

const image = "test.berth.example/owners:1";
const first = 500_000_000;
const second = 600_000_000;
/** How who is not mapped is seen. */
const nobody = 65_534;

/** File systems that volumes lie on, made before the daemons' mount namespaces. */
const disks = (["ext4", "xfs", "btrfs"] as const)
  .filter((type) => noDisk(type) === undefined)
  .map((type) => ({ type, disk: new LoopDisk(type) }));
after(() => {
  for (const { disk } of disks) disk[Symbol.dispose]();
});
/** Of tmpfs. */
const showsOtherIds = isAtLeast(release(), 6, 3);

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [first = 0, second = 0] = version.split(".").map(Number);
  return first > major || (first === major && second >= minor);
}

/** For a moment a container that another suite creates may have it. */
async function nullDeviceIsRoots(): Promise<void> {
  await eventually("the node's own /dev/null to be root's", 10_000, async () =>
    statSync("/dev/null").uid === 0 ? true : undefined,
  );
}

// crun in a mount namespace of its own, runc in the host's.
for (const runtime of ["crun", "runc"] as const) {
  describe(`pods with user namespaces on ${runtime}`, privileged, () => {
    let daemon: TestDaemon;

    before(async () => {
      daemon = await TestDaemon.start({ runtime });
      const path = join(daemon.workspace.directory, "owners.tar");
      const owned = [
        directory("data"),
        { ...file("data/www", "by 33\n"), uid: 33, gid: 33 },
        file("data/root", "by root\n", 0o600),
      ];
      await writeOciArchive({ name: image, layers: [busyboxLayer(), owned], config: { Cmd: ["sh"] } }, path);
      await daemon.berth.import({ path });
    });

    after(async () => {
      try {
        await removeAllPods(daemon);
        await assertNoLeaks(daemon);
        await nullDeviceIsRoots();
      } finally {
        await daemon.close();
      }
    });

    const usersPod = (name: string, hostId = first, namespaces: Parameters<typeof usersPodConfig>[3] = {}) =>
      usersPodConfig(daemon, name, hostId, namespaces);

    async function run(config: PodSandboxConfig): Promise<MadePod> {
      const { podSandboxId } = await daemon.pods.runPodSandbox({ config, runtimeHandler: "" });
      return { id: podSandboxId, config };
    }

    /** A container as the kubelet asks for it, its mounts mapped as the pod is. */
    function container(name: string, script: string, overrides: Parameters<typeof shellConfig>[3] = {}) {
      return shellConfig(name, image, script, overrides);
    }

    const forever = "trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done";

    async function exec(containerId: string, script: string): Promise<string> {
      const cmd = ["/bin/sh", "-c", script];
      const { stdout, stderr, exitCode } = await daemon.pods.execSync({ containerId, cmd, timeout: 10n });
      assert.equal(exitCode, 0, `${script}: ${stderr}`);
      return stdout.toString().trim();
    }

    async function pidOf(containerId: string): Promise<number> {
      const { info } = await daemon.pods.containerStatus({ containerId, verbose: true });
      return (JSON.parse(info.info ?? "{}") as { pid: number }).pid;
    }

    function logOf(pod: MadePod, name: string): string {
      return readFileSync(join(pod.config.logDirectory, `${name}.log`), "utf8");
    }

    function volume(name: string): string {
      const path = join(daemon.workspace.directory, name);
      mkdirSync(path, { mode: 0o755 });
      for (const [entry, uid] of [
        ["root", 0],
        ["user", 1000],
      ] as const) {
        writeFileSync(join(path, entry), `${entry}\n`, { mode: 0o600 });
        chownSync(join(path, entry), uid, uid);
      }
      return path;
    }

    test("the handlers say that they can", async () => {
      const { runtimeHandlers, features } = await daemon.pods.status({ verbose: false });
      const own = runtimeHandlers.find(({ name }) => name === runtime);
      assert.equal(own?.features?.userNamespaces, true);
      assert.equal(features?.userNamespacesHostNetwork, true);
      await nullDeviceIsRoots(); // after what was tried out to know that
      const doctor = await daemon.command("doctor", "users");
      assert.match(doctor.stdout, new RegExp(`ok +pods with user namespaces work with ${runtime}`));
    });

    test("root in it is nobody outside; files of image, pod and container are its own", async () => {
      const pod = await run(usersPod("owners"));
      const id = await runContainer(daemon, pod, container("main", forever));
      const status = readFileSync(`/proc/${await pidOf(id)}/status`, "utf8");
      assert.match(status, new RegExp(`^Uid:\\s+${first}\\s+${first}`, "m"));
      assert.match(await exec(id, "cat /proc/self/uid_map"), new RegExp(`^0 +${first} +${idsOfPod}$`));
      const owners = await exec(id, "stat -c '%u:%g %n' / /data/www /data/root /bin/sh /etc/passwd");
      assert.equal(owners, "0:0 /\n33:33 /data/www\n0:0 /data/root\n0:0 /bin/sh\n0:0 /etc/passwd");
      const files = "/etc/hosts /etc/resolv.conf /etc/hostname /dev/shm /dev/mqueue";
      assert.equal(await exec(id, `stat -c '%u:%g' ${files}`), Array(5).fill("0:0").join("\n"));
      const write = "cat /data/root; echo more >> /data/www; chown 5:6 /data/www; touch /new /dev/shm/x";
      assert.equal(await exec(id, `${write}; echo x >> /etc/hosts`), "by root");
      assert.equal(await exec(id, "stat -c '%u:%g' /data/www /new /dev/shm/x"), "5:6\n0:0\n0:0");
      assert.equal(await exec(id, "hostname; ip -4 -o addr show eth0 | wc -l"), "owners\n1");
      assert.equal(await exec(id, "echo here > /dev/stdout"), "here");
      assert.equal(await exec(id, "echo there 2>&1 > /dev/stderr | cat; id -u"), "there\n0");
      await daemon.pods.stopContainer({ containerId: id, timeout: 10n });
      assert.equal((await exited(daemon, id)).exitCode, 3, "its stop signal arrived");
      assert.match(logOf(pod, "main"), /stdout F up\n/);
      await removePod(daemon, pod.id);
    });

    test("pods with other ids share an image, and a pod's containers its namespaces", async () => {
      const pods = [await run(usersPod("one", first)), await run(usersPod("two", second))];
      const ids: string[] = [];
      for (const pod of pods) ids.push(await runContainer(daemon, pod, container("main", forever)));
      for (const [index, hostId] of [first, second].entries()) {
        const id = ids[index] ?? "";
        assert.equal(await exec(id, "touch /x; stat -c %u /x /data/www"), "0\n33");
        const root = `/proc/${await pidOf(id)}/root`;
        assert.deepEqual(
          [lstatSync(`${root}/x`).uid, lstatSync(`${root}/data/www`).uid],
          [hostId, hostId + 33],
        );
      }
      const [pod] = pods;
      assert.ok(pod !== undefined);
      const side = await runContainer(daemon, pod, container("side", forever));
      const namespaces = "for kind in user net ipc uts; do readlink /proc/self/ns/$kind; done";
      assert.equal(await exec(side, namespaces), await exec(ids[0] ?? "", namespaces));
      assert.notEqual(await exec(side, namespaces), await exec(ids[1] ?? "", namespaces));
      await exec(side, "echo shared > /dev/shm/word");
      assert.equal(await exec(ids[0] ?? "", "cat /dev/shm/word"), "shared");
      for (const { id } of pods) await removePod(daemon, id);
    });

    test("volumes show the pod's ids where that is asked for, and belong to the node all the same", async () => {
      const pod = await run(usersPod("volumes"));
      const path = volume(`volume-${runtime}`);
      const mount = { containerPath: "/mapped", hostPath: path, ...mountMappings(first) };
      const id = await runContainer(
        daemon,
        pod,
        container("main", forever, {
          mounts: [
            mount,
            { ...mount, containerPath: "/read-only", readonly: true },
            { ...mount, containerPath: "/a-file", hostPath: join(path, "user") },
            { containerPath: "/as-it-is", hostPath: path },
            { containerPath: "/image", image: ImageSpec.create({ image }) },
            {
              containerPath: "/part",
              image: ImageSpec.create({ image }),
              imageSubPath: "data",
              ...mountMappings(first),
            },
          ],
        }),
      );
      assert.equal(await exec(id, "stat -c '%u' /mapped/root /mapped/user /a-file"), "0\n1000\n1000");
      assert.equal(await exec(id, "stat -c '%u' /as-it-is/root"), `${nobody}`);
      assert.equal(
        await exec(id, "cat /mapped/root /mapped/user; cat /as-it-is/root || echo no"),
        "root\nuser\nno",
      );
      assert.equal(
        await exec(id, "stat -c '%u' /image/data/www /part/www; cat /part/root"),
        "33\n33\nby root",
      );
      await exec(id, "touch /mapped/new; chown 7 /mapped/new; ! touch /read-only/x 2>/dev/null");
      assert.equal(statSync(join(path, "new")).uid, 7);
      const held = (await daemon.inside("cat", "/proc/self/mountinfo")).stdout.split("\n");
      assert.deepEqual(
        held.filter((line) => line.split(" ")[4]?.includes("/mapped")),
        [],
        "the daemon holds no volume",
      );
      await removePod(daemon, pod.id);
      assert.equal(statSync(join(path, "root")).uid, 0);
    });

    test("volumes may lie on any file system that shows other ids", async () => {
      const pod = await run(usersPod("file-systems"));
      const onDisk = disks.map(({ type, disk }) => {
        const hostPath = join(disk.directory, runtime);
        mkdirSync(hostPath);
        chownSync(hostPath, 33, 33);
        return { containerPath: `/${type}`, hostPath, ...mountMappings(first) };
      });
      const id = await runContainer(daemon, pod, container("disks", forever, { mounts: onDisk }));
      for (const { containerPath, hostPath } of onDisk) {
        const script = `stat -c %u ${containerPath}; touch ${containerPath}/new && chown 7 ${containerPath}/new`;
        assert.equal(await exec(id, script), "33", containerPath);
        assert.equal(statSync(join(hostPath, "new")).uid, 7, containerPath);
      }
      const hostPath = volume(`memory-${runtime}`);
      await daemon.inside("mount", "-t", "tmpfs", "-o", "uid=33", "memory", hostPath);
      const mounts = [{ containerPath: "/memory", hostPath, ...mountMappings(first) }];
      const inMemory = container("memory", "stat -c %u /memory", { mounts });
      if (showsOtherIds) {
        await exited(daemon, await runContainer(daemon, pod, inMemory));
        assert.match(logOf(pod, "memory"), /F 33\n/);
      } else {
        await assert.rejects(
          runContainer(daemon, pod, inMemory),
          (error) =>
            isFault(error, "invalid") &&
            /tmpfs has ID-mapped mounts from Linux 6\.3/.test(describeFault(error)),
        );
      }
      await removePod(daemon, pod.id);
      await daemon.inside("umount", hostPath);
    });

    test("what is mounted on a volume later follows", async () => {
      const pod = await run(usersPod("follows"));
      const path = volume(`follows-${runtime}`);
      await daemon.inside("mount", "--bind", path, path);
      await daemon.inside("mount", "--make-shared", path);
      mkdirSync(join(path, "sub"));
      const mount = { containerPath: "/v", hostPath: path, ...mountMappings(first) };
      const propagation = MountPropagation.PROPAGATION_HOST_TO_CONTAINER;
      const id = await runContainer(
        daemon,
        pod,
        container("main", forever, { mounts: [{ ...mount, propagation }] }),
      );
      await daemon.inside("mount", "-t", "tmpfs", "-o", "mode=755", "later", join(path, "sub"));
      await daemon.inside("touch", join(path, "sub/late"));
      assert.equal(await exec(id, "ls /v/sub; stat -c %u /v/root"), "late\n0");
      await removePod(daemon, pod.id);
      assert.equal((await daemon.inside("ls", join(path, "sub"))).stdout, "late\n", "the node's mount stays");
      await daemon.inside("umount", "-R", path);
    });

    test("seccomp, devices, users, groups, sysctls and limits are as in other pods", async () => {
      const config = usersPod("security");
      assert.ok(config.linux !== undefined);
      config.linux.sysctls = { "kernel.shm_rmid_forced": "1", "net.ipv4.ip_unprivileged_port_start": "70" };
      const pod = await run(config);
      const seccomp = { profileType: SecurityProfile_ProfileType.RuntimeDefault, localhostRef: "" };
      const id = await runContainer(
        daemon,
        pod,
        container("main", forever, {
          devices: [{ containerPath: "/dev/other", hostPath: "/dev/zero", permissions: "r" }],
          linux: {
            resources: { memoryLimitInBytes: 64n << 20n, oomScoreAdj: 500n },
            securityContext: {
              runAsUser: { value: 1000n },
              runAsGroup: { value: 33n },
              supplementalGroups: [1234n],
              seccomp,
              namespaceOptions: { usernsOptions: usersOptions(first), pid: NamespaceMode.CONTAINER },
            },
          },
        }),
      );
      assert.equal(await exec(id, "id -u; id -g; id -G"), "1000\n33\n33 100 1234 50000");
      assert.match(await exec(id, "grep Seccomp: /proc/self/status"), /2$/);
      assert.equal(await exec(id, "head -c 3 /dev/other | wc -c; head -c 1 /dev/urandom | wc -c"), "3\n1");
      const settings = "kernel/shm_rmid_forced net/ipv4/ip_unprivileged_port_start";
      assert.equal(await exec(id, `cd /proc/sys; cat ${settings}`), "1\n70");
      assert.equal(await exec(id, "echo out > /dev/stdout; cat /proc/1/oom_score_adj"), "out\n500");
      const { stats } = await daemon.pods.containerStats({ containerId: id });
      assert.ok((stats?.memory?.workingSetBytes?.value ?? 0n) > 0n);
      const resources = { oomScoreAdj: -997n };
      const guaranteed = container("guaranteed", forever, { linux: { resources } });
      const protectedId = await runContainer(daemon, pod, guaranteed);
      const score = Math.max(-997, await lowestOomScoreAdj());
      const scores = await exec(protectedId, "cat /proc/1/oom_score_adj /proc/self/oom_score_adj");
      assert.equal(scores, `${score}\n${score}`);
      await removePod(daemon, pod.id);
    });

    test("commands with streams, as of berth exec", async () => {
      const pod = await run(usersPod("commands"));
      const id = await runContainer(daemon, pod, container("main", forever));
      const plain = await daemon.command("exec", id, "sh", "-c", "id -u; echo err > /dev/stderr");
      assert.deepEqual([plain.code, plain.stdout, plain.stderr], [0, "0\n", "err\n"]);
      await removePod(daemon, pod.id);
    });

    test("the node's network, with the pod's users", async () => {
      const pod = await run(usersPod("host", first, { network: NamespaceMode.NODE }));
      const config = container("main", forever, {
        linux: {
          securityContext: {
            namespaceOptions: { network: NamespaceMode.NODE, usernsOptions: usersOptions(first) },
          },
        },
      });
      const id = await runContainer(daemon, pod, config);
      assert.match(await exec(id, "cat /proc/self/uid_map"), new RegExp(`^0 +${first}`));
      const [net] = execFileSync("readlink", ["/proc/self/ns/net"], { encoding: "utf8" }).split("\n");
      assert.equal(await exec(id, "readlink /proc/self/ns/net"), net);
      assert.equal(await exec(id, "ls -d /sys/class/net/lo; stat -c %u /etc/hosts"), "/sys/class/net/lo\n0");
      await removePod(daemon, pod.id);
    });

    test("shared processes", async () => {
      const pod = await run(usersPod("shared", first, { pid: NamespaceMode.POD }));
      const securityContext = { namespaceOptions: { pid: NamespaceMode.POD } };
      const one = container("one", "exec sleep 4242", { linux: { securityContext } });
      const two = container("two", forever, { linux: { securityContext } });
      await runContainer(daemon, pod, one);
      const id = await runContainer(daemon, pod, two);
      assert.equal(await exec(id, "cat /proc/1/comm"), "pause");
      // its start ends before it has become that
      await eventually("the other container's program", 30_000, async () =>
        /^.*root +sleep 4242$/m.test(await exec(id, "ps")) ? true : undefined,
      );
      await removePod(daemon, pod.id);
    });

    test("what can't be is refused, naming it", async () => {
      const refused = async (config: ContainerConfig, message: RegExp) => {
        const request = { podSandboxId: pod.id, config, sandboxConfig: pod.config };
        await assert.rejects(
          daemon.pods.createContainer(request),
          (error) => isFault(error, "invalid") && message.test(error.message),
        );
      };
      await assert.rejects(run(usersPod("bad", first, { pid: NamespaceMode.NODE })), /pid is NODE/);
      const pod = await run(usersPod("refused"));
      const namespaceOptions = { usernsOptions: usersOptions(second) };
      await refused(
        container("a", "", { linux: { securityContext: { namespaceOptions } } }),
        /differ from those/,
      );
      const path = daemon.workspace.logs;
      const other = { containerPath: "/v", hostPath: path, ...mountMappings(second) };
      await refused(container("b", "", { mounts: [other] }), /mounts\[0\]: its mappings of ids differ/);
      const unmappable = { containerPath: "/v", hostPath: "/proc/sys", ...mountMappings(first) };
      await refused(
        container("c", "", { mounts: [unmappable] }),
        /mount of \/proc\/sys at \/v, which lies on \/proc \(proc\): .* user namespace/,
      );
      const runAsUser = { value: 70_000n };
      await refused(
        container("d", "", { linux: { securityContext: { runAsUser } } }),
        /user 70000, .* 0 to 65535/,
      );
      const shared = {
        containerPath: "/v",
        hostPath: path,
        propagation: MountPropagation.PROPAGATION_BIDIRECTIONAL,
      };
      await refused(container("e", "", { mounts: [shared] }), /mounts\[0\]: bidirectional/);
      await removePod(daemon, pod.id);
    });

    test("a pod runs on while its daemon is killed, and takes another container after it", async () => {
      const pod = await run(usersPod("survivor"));
      const id = await runContainer(daemon, pod, container("main", forever));
      const pid = await pidOf(id);
      await daemon.kill();
      await daemon.launch();
      assert.equal(await pidOf(id), pid);
      assert.equal(await exec(id, "id -u"), "0");
      const { status } = await daemon.pods.podSandboxStatus({ podSandboxId: pod.id, verbose: false });
      const options = status?.linux?.namespaces?.options?.usernsOptions;
      assert.deepEqual(options, usersOptions(first));
      const late = await runContainer(
        daemon,
        pod,
        container("late", "stat -c %u /data/www; cat /proc/self/uid_map"),
      );
      await exited(daemon, late);
      assert.match(logOf(pod, "late"), new RegExp(`F 33\n(.*\n)*.*F +0 +${first}`));
      await removePod(daemon, pod.id);
    });
  });
}
