import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ImageSpec, Mount } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "./daemon.ts";
import { endDaemon } from "./end-daemon.ts";
import { busyboxImage, importBusybox } from "./images.ts";
import { type MadePod, podConfig, removeAllPods, removePod, runContainer, shellConfig } from "./pods.ts";
import { usersPodConfig } from "./user-namespaces.ts";

/** A snapshotter of which pods are to be run. */
export interface TriedSnapshotter {
  readonly name: string;
  /** What it needs in the daemon's configuration. */
  readonly config?: string;
  /** Takes away what `open` made, after the last test. */
  readonly close?: () => Promise<void>;
  /** crun unless given, whose daemon has mounts of its own: not what a server outside of them makes. */
  readonly runtime?: "crun" | "runc";
  /** Whether its snapshots can be shown with the ids of a user namespace. */
  readonly mapsUsers: boolean;
  /** Has counted what was written, where that is done now and then. */
  readonly count?: () => void;
}

const handler = "tried";
const forever = "trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done";

/**
 * Pods of a runtime handler with a snapshotter of its own, beside the daemon's usual one.
 *
 * @param open makes what the snapshotter needs, before the first test
 */
export function snapshotterPods(
  where: string,
  skip: string | false,
  open: () => TriedSnapshotter | Promise<TriedSnapshotter>,
): void {
  describe(`pods of a handler with the snapshotter ${where}`, { skip }, () => {
    let tried: TriedSnapshotter;
    let daemon: TestDaemon;

    before(async () => {
      tried = await open();
      const { runtime = "crun" } = tried;
      const ofHandler = `[runtime.handlers.${handler}]\nbinary = "${runtime}"\nsnapshotter = "${tried.name}"\n`;
      daemon = await TestDaemon.start({ runtime, extraConfig: `${ofHandler}${tried.config ?? ""}` });
      await importBusybox(daemon);
    });

    after(async () => {
      try {
        if (daemon !== undefined) await endDaemon(daemon);
      } finally {
        await tried?.close?.();
      }
    });

    async function run(config: MadePod["config"], runtimeHandler = handler): Promise<MadePod> {
      const { podSandboxId } = await daemon.pods.runPodSandbox({ config, runtimeHandler });
      return { id: podSandboxId, config };
    }

    async function exec(containerId: string, script: string): Promise<string> {
      const cmd = ["/bin/sh", "-c", script];
      const { stdout, stderr, exitCode } = await daemon.pods.execSync({ containerId, cmd, timeout: 10n });
      assert.equal(exitCode, 0, `${script}: ${stderr}`);
      return stdout.toString().trim();
    }

    async function unpackedIn(): Promise<string[]> {
      const image = ImageSpec.create({ image: busyboxImage });
      const { info } = await daemon.images.imageStatus({ image, verbose: true });
      return Object.keys((JSON.parse(info.info ?? "{}") as { unpacked: object }).unpacked).sort();
    }

    test("has the image brought when a container needs it there, and gives each its own files", async () => {
      assert.deepEqual(await unpackedIn(), ["overlay"]);
      const pods = [await run(podConfig(daemon, "one")), await run(podConfig(daemon, "two"))];
      const ids = await Promise.all(
        pods.map((pod) => runContainer(daemon, pod, shellConfig("main", busyboxImage, forever))),
      );
      assert.deepEqual(await unpackedIn(), ["overlay", tried.name].sort());
      const [one = "", two = ""] = ids;
      await exec(
        one,
        "echo changed >/www/index.html; dd if=/dev/zero of=/big bs=1M count=3 2>/dev/null; rm /etc/group",
      );
      assert.equal(await exec(one, "cat /www/index.html; ls /etc/group 2>/dev/null || true"), "changed");
      assert.equal(await exec(two, "cat /www/index.html; ls /etc/group"), "hello from berth\n/etc/group");
      const usual = await run(podConfig(daemon, "usual"), "");
      const third = await runContainer(daemon, usual, shellConfig("main", busyboxImage, forever));
      assert.equal(await exec(third, "cat /www/index.html"), "hello from berth");
      await writtenCounts(one);
    });

    /** Statistics tell what a container has written, and image file systems come one for each snapshotter. */
    async function writtenCounts(containerId: string): Promise<void> {
      const { imageFilesystems: all, containerFilesystems } = await daemon.images.imageFsInfo({});
      const imageFilesystems = all.slice(0, -1); // the last is of blobs
      const names = imageFilesystems.map(({ fsId }) => fsId?.mountpoint);
      assert.equal(new Set(names).size, 2);
      assert.equal(containerFilesystems.length, 2);
      for (const { usedBytes } of imageFilesystems) assert.ok((usedBytes?.value ?? 0n) > 100_000n);
      tried.count?.();
      for (let tries = 0; ; tries++) {
        const { stats } = await daemon.pods.containerStats({ containerId });
        const { usedBytes, fsId } = stats?.writableLayer ?? {};
        if ((usedBytes?.value ?? 0n) >= 3_000_000n) {
          assert.equal(fsId?.mountpoint, names[1]);
          break;
        }
        assert.ok(tries < 150, `what the container wrote is not counted: ${usedBytes?.value}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }

    test("keeps what containers wrote over a kill of the daemon", async () => {
      const pod = await run(podConfig(daemon, "survivor"));
      const id = await runContainer(daemon, pod, shellConfig("main", busyboxImage, forever));
      await exec(id, "echo kept >/note");
      await daemon.kill();
      await daemon.launch();
      assert.equal(await exec(id, "cat /note"), "kept");
      await removePod(daemon, pod.id);
    });

    test("shows files with the ids of a user namespace, without changing them", async (context) => {
      if (!tried.mapsUsers) return context.skip(`NOT RUN: ${tried.name} does not show files with other ids`);
      const hostId = 500_000_000;
      const pod = await run(usersPodConfig(daemon, "mapped", hostId));
      const id = await runContainer(daemon, pod, shellConfig("main", busyboxImage, forever));
      assert.equal(await exec(id, "stat -c %u:%g /bin/busybox /etc/passwd | sort -u"), "0:0");
      assert.equal(await exec(id, "echo x >/etc/mine; chown 7:8 /etc/mine; stat -c %u:%g /etc/mine"), "7:8");
      await removePod(daemon, pod.id);
    });

    test("gives images as volumes", async () => {
      const pod = await run(podConfig(daemon, "volumes"));
      const mounts = [Mount.create({ containerPath: "/tools", image: { image: busyboxImage } })];
      const id = await runContainer(daemon, pod, shellConfig("main", busyboxImage, forever, { mounts }));
      assert.equal(
        await exec(id, "cat /tools/www/index.html; echo x 2>/dev/null >/tools/x || echo read-only"),
        "hello from berth\nread-only",
      );
      await removePod(daemon, pod.id);
    });

    test("is told of by berth info, and left by an image that goes", async () => {
      await removeAllPods(daemon);
      const { stdout } = await daemon.command("info");
      assert.match(stdout, new RegExp(`^${tried.name} +\\S+ +yes`, "m"));
      await daemon.images.removeImage({ image: ImageSpec.create({ image: busyboxImage }) });
      const { imageFilesystems } = await daemon.images.imageFsInfo({});
      assert.deepEqual(
        imageFilesystems.slice(0, -1).map(({ usedBytes }) => usedBytes?.value),
        [0n, 0n],
      );
    });
  });
}
