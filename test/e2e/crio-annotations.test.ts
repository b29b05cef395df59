import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { Mount } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { underDefaultSeccomp } from "../harness/default-seccomp.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  eventually,
  exited,
  podConfig,
  removeAllPods,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { TestRegistry } from "../harness/registry.ts";
import { makeArtifact } from "../images/artifact.ts";
import { busyboxLayer } from "../images/busybox.ts";

const config = `
[runtime.handlers.crun]
allowedAnnotations = ["link-logs.crio.io", "seccomp-profile.crio.io"]
`;

/** As `oras push` makes it of a file. */
function profileArtifact(profile: object) {
  const data = Buffer.from(JSON.stringify(profile));
  const file = { mediaType: "application/vnd.oci.image.layer.v1.tar", data, title: "seccomp.json" };
  return makeArtifact("application/vnd.cncf.seccomp-profile.config.v1+json", [file]);
}

function refusing(call: string, more = {}) {
  const syscalls = [{ names: [call], action: "SCMP_ACT_ERRNO", errnoRet: 13 }];
  return profileArtifact({ defaultAction: "SCMP_ACT_ALLOW", syscalls, ...more });
}

describe("what pods ask for by CRI-O's annotations", privileged, () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;

  before(async () => {
    registry = await TestRegistry.start();
    daemon = await TestDaemon.start({ runtime: "crun", extraConfig: config });
    registry.trustIn(daemon.workspace.certsDir);
    const auth = Buffer.from(`${registry.username}:${registry.password}`).toString("base64");
    const auths = JSON.stringify({ auths: { [registry.host]: { auth } } });
    writeFileSync(join(daemon.workspace.root, "credentials.json"), auths, { mode: 0o600 });
    await importBusybox(daemon);
  });
  afterEach(async () => {
    await removeAllPods(daemon);
    await assertNoLeaks(daemon);
  });
  after(async () => {
    try {
      if (daemon !== undefined) await endDaemon(daemon);
    } finally {
      await registry?.close();
    }
  });

  async function said(containerId: string, script: string): Promise<string> {
    const { stdout, stderr } = await daemon.pods.execSync({
      containerId,
      cmd: ["sh", "-c", script],
      timeout: 10n,
    });
    return Buffer.concat([stdout, stderr]).toString();
  }

  test("a pod's logs are in its volume, by name and by container, while each lasts", async () => {
    const { metadata, logDirectory } = podConfig(daemon, "linked");
    const annotations = { "io.kubernetes.cri-o.LinkLogs": "logs" };
    const pod = await runPod(daemon, "linked", { metadata, logDirectory, annotations });
    const volumes = join(
      daemon.workspace.directory,
      "kubelet/pods",
      metadata?.uid ?? "",
      "volumes/kubernetes.io~empty-dir",
    );
    const volume = join(volumes, "logs");
    mkdirSync(volume, { recursive: true });
    writeFileSync(join(volume, "own"), "");
    const start = (name: string, script: string) => {
      mkdirSync(join(logDirectory, name));
      const mounts = [Mount.create({ containerPath: "/logs", hostPath: volume })];
      return runContainer(
        daemon,
        pod,
        shellConfig(name, busyboxImage, script, { mounts, logPath: `${name}/0.log` }),
      );
    };
    const reader = await start("reader", "exec sleep 1000");
    const writer = await start("writer", "echo a word");
    await exited(daemon, writer);
    assert.match(await said(reader, "cat /logs/writer/0.log"), /stdout F a word/);
    assert.match(await said(reader, `cat /logs/${writer}.log`), /stdout F a word/);
    assert.equal(readlinkSync(join(logDirectory, `${writer}.log`)), "writer/0.log");
    assert.match(await said(reader, "echo no > /logs/writer/0.log"), /Read-only file system/);
    await daemon.pods.removeContainer({ containerId: writer });
    assert.equal(await said(reader, "ls /logs"), `${reader}.log\nreader\nwriter\n`);
    assert.deepEqual(readdirSync(volume), ["own"], "nothing was done where the kubelet will remove it");
  });

  test("a seccomp profile comes from an artifact that the pod names, for one container or for those that ask for none", async () => {
    const host = registry.pushArtifact(refusing("sethostname"), "profiles/host:1");
    const swap = registry.pushArtifact(refusing("swapoff"), "profiles/swap:1");
    const annotations = {
      "seccomp-profile.kubernetes.cri-o.io/POD": host,
      "seccomp-profile.crio.io/other": swap,
    };
    const pod = await runPod(daemon, "profiles", { annotations });
    const start = (name: string, overrides = {}) =>
      runContainer(daemon, pod, shellConfig(name, busyboxImage, "exec sleep 1000", overrides));
    const filters = async (id: string) => {
      const { info } = await daemon.pods.containerStatus({ containerId: id, verbose: true });
      const { seccomp } = JSON.parse(info.info ?? "{}").runtimeSpec.linux;
      return seccomp?.syscalls.map(({ names }: { names: string[] }) => names.join());
    };
    const main = await start("main");
    assert.deepEqual(await filters(main), ["sethostname"]);
    assert.match(await said(main, "busybox hostname other"), /sethostname: Permission denied/);
    const other = await start("other");
    assert.deepEqual(await filters(other), ["swapoff"]);
    const own = await start("own", underDefaultSeccomp);
    assert.ok((await filters(own)).length > 1, "what a container asks for itself counts");
    const { images } = await daemon.images.listImages({});
    assert.deepEqual(
      images
        .flatMap(({ repoTags }) => repoTags)
        .filter((tag) => tag.includes("profiles/"))
        .sort(),
      [host, swap],
    );
    assert.equal(
      (await daemon.command("rmi", host, swap)).code,
      0,
      "nobody needs them once the containers are made",
    );
  });

  test("a container's image may name its profile", async () => {
    const profile = registry.pushArtifact(refusing("sethostname"), "profiles/image:1");
    const annotations = { "seccomp-profile.kubernetes.cri-o.io": profile };
    const name = await registry.push({ layers: [busyboxLayer()], config: {}, annotations }, "annotated:1");
    assert.equal((await daemon.command("pull", "-q", name)).code, 0);
    const pod = await runPod(daemon, "image");
    const id = await runContainer(daemon, pod, shellConfig("main", name, "exec sleep 1000"));
    assert.match(await said(id, "busybox hostname other"), /sethostname: Permission denied/);
  });

  test("what is no profile, or can't be had, fails the container and says why", async () => {
    const refused: [string, RegExp][] = [
      [`${registry.host}/profiles/none:1`, /seccomp-profile\.crio\.io\/POD asks.*none:1/],
      [busyboxImage, /no artifact of files/],
      [
        registry.pushArtifact(profileArtifact({ defaultAction: "ALLOW" }), "profiles/bad:1"),
        /bad:1 is malformed: .*defaultAction/,
      ],
      [
        registry.pushArtifact(refusing("swapoff", { listenerPath: "/run/x.sock" }), "profiles/listens:1"),
        /has a listenerPath/,
      ],
    ];
    for (const [index, [profile, words]] of refused.entries()) {
      const pod = await runPod(daemon, `refused-${index}`, {
        annotations: { "seccomp-profile.crio.io/POD": profile },
      });
      await assert.rejects(runContainer(daemon, pod, shellConfig("main", busyboxImage, "true")), words);
    }
  });

  test("those that change nothing are told of, with why, in the log and by berth inspect", async () => {
    const annotations = {
      "devices.crio.io": "/dev/fuse",
      "userns-mode.crio.io": "auto",
      "link-logs.crio.io": "logs",
      app: "x",
    };
    const pod = await runPod(daemon, "told", { annotations });
    const { stdout } = await daemon.command("inspect", "--type", "pod", pod.id);
    assert.deepEqual(
      stdout.match(/^passed over .*$/gm)?.map((line) => line.replace(/ +/g, " ")),
      [
        "passed over devices.crio.io: runtime.handlers.crun.allowedAnnotations does not have devices.crio.io",
        "passed over userns-mode.crio.io: a pod with hostUsers: false has a user namespace",
      ],
    );
    const line = await eventually("the log to tell of them", 30_000, async () =>
      readFileSync(daemon.logFile, "utf8")
        .split("\n")
        .find((one) => one.includes(pod.id) && one.includes("annotations of a pod are passed over")),
    );
    assert.match(line, /"annotation":"devices\.crio\.io".*"annotation":"userns-mode\.crio\.io"/);
  });
});
