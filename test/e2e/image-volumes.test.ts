import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ImageSpec, Mount } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  containerStatus,
  type MadePod,
  removeAllPods,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { busyboxLayer, directory, file } from "../images/busybox.ts";
import { writeOciArchive } from "../images/image.ts";
import type { TarEntry } from "../images/tar.ts";

const toolsImage = "test.berth.example/tools:1";
const declaringImage = "test.berth.example/declaring:1";

const link = (path: string, target: string): TarEntry => ({ path, kind: "symlink", mode: 0o777, target });

/** Two layers: the upper one changes a file of the lower, and its links try to get out. */
async function importTools(daemon: TestDaemon): Promise<void> {
  const path = join(daemon.workspace.directory, "tools.tar");
  const program: TarEntry = {
    path: "bin/hello",
    kind: "file",
    mode: 0o4755,
    data: Buffer.from("#!/bin/sh\necho hello\n"),
  };
  const lower = [directory("bin"), program, directory("data"), file("data/text", "old\n")];
  const upper = [
    file("data/text", "new\n"),
    link("current", "/data"),
    link("way-out", "../../../../../../../../../../etc"),
  ];
  await writeOciArchive({ name: toolsImage, layers: [lower, upper], config: {} }, path);
  await daemon.berth.import({ path });
}

/** A root with a shell, whose image declares volumes: one with content, one behind a link, others that are not there. */
async function importDeclaring(daemon: TestDaemon): Promise<void> {
  const path = join(daemon.workspace.directory, "declaring.tar");
  const content = [
    directory("data"),
    file("data/text", "of the image\n"),
    directory("real"),
    link("alias", "/real"),
  ];
  const paths = ["/data", "/alias/in", "/made/deep/", "/mounted", "/sys/fs/cgroup"];
  const Volumes = Object.fromEntries(paths.map((name) => [name, {}]));
  await writeOciArchive(
    { name: declaringImage, layers: [busyboxLayer(), content], config: { Volumes } },
    path,
  );
  await daemon.berth.import({ path });
}

function imageMount(containerPath: string, imageSubPath = "", image = toolsImage): Mount {
  return Mount.create({ containerPath, image: ImageSpec.create({ image }), imageSubPath, readonly: true });
}

for (const runtime of ["crun", "runc"] as const) {
  describe(`images as volumes, by ${runtime}`, privileged, () => {
    let daemon: TestDaemon;
    let pod: MadePod;

    before(async () => {
      daemon = await TestDaemon.start({ runtime });
      await importBusybox(daemon);
      await importTools(daemon);
      pod = await runPod(daemon, "volumes");
    });
    after(() => daemon?.close());

    const idle = (name: string, mounts: Mount[]) =>
      runContainer(daemon, pod, shellConfig(name, busyboxImage, "exec sleep 1000", { mounts }));

    async function said(containerId: string, script: string): Promise<string> {
      const cmd = ["sh", "-c", script];
      const { stdout, stderr } = await daemon.pods.execSync({ containerId, cmd, timeout: 10n });
      return Buffer.concat([stdout, stderr]).toString();
    }

    test("an image and parts of it are seen, run, and can't be changed", async () => {
      const id = await idle("whole", [
        imageMount("/tools"),
        imageMount("/deep/data", "data"),
        imageMount("/one", "data/text"),
        imageMount("/linked", "current"),
      ]);
      assert.equal(await said(id, "/tools/bin/hello; cat /tools/data/text /one"), "hello\nnew\nnew\n");
      assert.equal(await said(id, "ls /deep/data /linked"), "/deep/data:\ntext\n\n/linked:\ntext\n");
      for (const path of ["/tools/x", "/tools/data/text", "/deep/data/x", "/one"])
        assert.match(await said(id, `echo no > ${path}`), /Read-only file system/, path);
      const options = await said(
        id,
        "grep -E ' /(tools|deep/data|one|linked) ' /proc/mounts | cut -d' ' -f4",
      );
      assert.equal(options.match(/^ro,nosuid,nodev/gm)?.length, 4, options);
    });

    test("a link of the image leads nowhere else, and what isn't there is named", async () => {
      const refused: [string, RegExp][] = [
        ["missing", /^ImageVolumeMountFailed: .*sub path "missing" does not exist in image volume/],
        ["way-out/passwd", /ImageVolumeMountFailed: .*sub path "way-out\/passwd" does not exist/],
        ["data/text/below", /ImageVolumeMountFailed: .*does not exist/],
        ["../data", /image_sub_path/],
      ];
      for (const [subPath, message] of refused) {
        const mounts = [imageMount("/tools", subPath)];
        await assert.rejects(idle("refused", mounts), (error: Error) => {
          assert.match(error.message, message);
          return true;
        });
      }
      await assert.rejects(idle("refused", [imageMount("/x", "", "test.berth.example/absent:1")]), {
        message: /ImageVolumeMountFailed: .*"test.berth.example\/absent:1".*is not on this node/,
      });
    });

    test("the status names the image by its digest", async () => {
      const { mounts } = await containerStatus(daemon, await idle("shown", [imageMount("/tools", "bin")]));
      const { images } = await daemon.images.listImages({ filter: undefined });
      const tools = images.find(({ repoTags }) => repoTags.includes(toolsImage));
      assert.equal(mounts[0]?.image?.image, toolsImage);
      assert.equal(mounts[0]?.image?.imageRef, tools?.repoDigests[0] ?? tools?.id);
      assert.equal(mounts[0]?.imageSubPath, "bin");
    });

    test("volumes that an image declares are there with their content, and writable though the root is not", async () => {
      await importDeclaring(daemon);
      const places = ["/data", "/real/in", "/made/deep"];
      for (const readonlyRootfs of [false, true]) {
        const config = shellConfig(`declaring-${readonlyRootfs}`, declaringImage, "exec sleep 1000", {
          linux: { securityContext: { readonlyRootfs } },
          mounts: [imageMount("/mounted", "data")],
        });
        const id = await runContainer(daemon, pod, config);
        assert.equal(await said(id, "cat /data/text; ls /mounted"), "of the image\ntext\n");
        assert.equal(await said(id, places.map((place) => `echo ok > ${place}/new`).join(" && ")), "");
        assert.equal(
          await said(id, "cat /alias/in/new; touch /real/x && echo wrote || true"),
          readonlyRootfs ? "ok\ntouch: /real/x: Read-only file system\n" : "ok\nwrote\n",
        );
        await daemon.pods.removeContainer({ containerId: id });
      }
      // The next container of the image has none of it.
      const fresh = await runContainer(daemon, pod, shellConfig("fresh", declaringImage, "exec sleep 1000"));
      assert.equal(await said(fresh, "ls /data /alias/in"), "/alias/in:\n\n/data:\ntext\n");
    });

    test("its image can't be removed; it stays when the daemon dies, and goes with its container", async () => {
      const own = await runPod(daemon, "lasting");
      const config = shellConfig("c", busyboxImage, "exec sleep 1000", { mounts: [imageMount("/tools")] });
      const id = await runContainer(daemon, own, config);
      await assert.rejects(
        daemon.images.removeImage({ image: ImageSpec.create({ image: toolsImage }) }),
        /is in use by .*container c \([0-9a-f]{13}\)/,
      );
      await daemon.kill();
      await daemon.launch();
      assert.equal(await said(id, "cat /tools/data/text"), "new\n");
      await removePod(daemon, own.id);
      await removeAllPods(daemon);
      await assertNoLeaks(daemon);
    });
  });
}
