import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { buildTar, type TestEntry } from "./build-tar.ts";
import { asRoot, chunksOf, SnapshotFixture } from "./fixture.ts";
import { writeOciLayout } from "./oci-layout.ts";
import { type Described, readTree } from "./read-tree.ts";
import { SnapshotsServer } from "./snapshots-server.ts";

type Tree = Record<string, Described>;

const missing = (program: string) => (existsSync(program) ? asRoot : `NOT RUN: ${program} is not installed`);

/** Times of directories differ by what each runtime wrote into them last; the issue asks for those of files. */
function comparable(tree: Tree): Tree {
  return Object.fromEntries(
    Object.entries(tree).map(([path, node]) => [
      path,
      node.type === "directory" ? { ...node, modified: "" } : node,
    ]),
  );
}

/** The paths at which two trees differ, with both sides: short enough to read when something is wrong. */
function differences(ours: Tree, theirs: Tree): Record<string, { ours: unknown; theirs: unknown }> {
  const found: Record<string, { ours: unknown; theirs: unknown }> = {};
  for (const path of new Set([...Object.keys(ours), ...Object.keys(theirs)]))
    if (JSON.stringify(ours[path]) !== JSON.stringify(theirs[path]))
      found[path] = { ours: ours[path], theirs: theirs[path] };
  return found;
}

/** Compares what berth makes of these layers with what umoci and containerd make of them. */
export function peersSuite(layers: readonly (readonly TestEntry[])[], skip = asRoot): void {
  describe("an image's tree equals what others make of it", { skip }, () => {
    const kinds = ["overlay", "native"] as const;
    const trees: Partial<Record<(typeof kinds)[number], Tree>> = {};
    let fixture: SnapshotFixture;
    let layout: string;
    before(async () => {
      fixture = new SnapshotFixture("overlay");
      layout = join(fixture.directory, "layout");
      const tars = layers.map(buildTar);
      writeOciLayout(layout, tars);
      for (const kind of kinds) {
        await using each = new SnapshotFixture(kind);
        // all at once, as a pull does it; then committed in order
        const ingests = await Promise.all(
          tars.map(async (tar) => {
            const ingest = each.newName();
            await each.unpack(chunksOf(tar), await each.snapshots.prepareLayer(ingest));
            return ingest;
          }),
        );
        let chain = each.newChain();
        await each.snapshots.commitLayer(ingests.shift() ?? "", chain, undefined);
        for (const ingest of ingests) {
          const parent = chain;
          chain = each.newChain();
          await each.snapshots.commitLayer(ingest, chain, parent);
        }
        const key = each.newKey();
        await each.snapshots.prepareContainer(key, chain);
        trees[kind] = comparable(readTree(await each.mount(await each.snapshots.mounts(key))));
      }
    });
    after(() => fixture[Symbol.asyncDispose]());

    it("by overlay and by native", () => {
      assert.deepEqual(differences(trees.overlay ?? {}, trees.native ?? {}), {});
      assert.ok(Object.keys(trees.overlay ?? {}).length > 500);
    });

    it("by umoci", { skip: missing("/usr/bin/umoci") }, () => {
      const bundle = join(fixture.directory, "bundle");
      execFileSync("/usr/bin/umoci", ["unpack", "--image", `${layout}:latest`, bundle], { stdio: "pipe" });
      assert.deepEqual(differences(trees.overlay ?? {}, comparable(readTree(join(bundle, "rootfs")))), {});
    });

    it("by containerd", { skip: missing("/usr/bin/containerd") }, async () => {
      await using server = SnapshotsServer.containerd();
      await server.start();
      const ctr = (...args: string[]) =>
        execFileSync("/usr/bin/ctr", ["-a", server.socket, ...args], { stdio: "pipe" }).toString();
      const archive = join(fixture.directory, "image.tar");
      execFileSync("tar", ["-C", layout, "-cf", archive, "."]);
      ctr("images", "import", "--snapshotter", "native", "--base-name", "test", archive);
      const top = ctr("snapshots", "--snapshotter", "native", "ls").match(/sha256:[0-9a-f]{64}/g) ?? [];
      const leaf = top.find((chain) => top.filter((each) => each === chain).length === 1) ?? "";
      const how = ctr("snapshots", "--snapshotter", "native", "view", "--mounts", "seen", leaf);
      const tree = /"?Source"?:\s*"([^"]+)"/i.exec(how)?.[1] ?? assert.fail(how);
      assert.deepEqual(differences(trees.overlay ?? {}, comparable(readTree(tree))), {});
    });
  });
}
