import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { TestContainerd } from "../harness/containerd.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { TestPodman } from "../harness/podman.ts";
import { privileged } from "../harness/privileged.ts";
import { TestRegistry } from "../harness/registry.ts";
import { busyboxLayer, directory, file } from "../images/busybox.ts";
import { writeOciArchive } from "../images/image.ts";

const one = "test.berth.example/one:1";
const also = "test.berth.example/also/one:2";
const two = "test.berth.example/two:1";

describe("images between berth, podman, buildah, skopeo and containerd", privileged, () => {
  let daemon: TestDaemon;
  let podman: TestPodman;

  before(async () => {
    [daemon, podman] = await Promise.all([TestDaemon.start({ runtime: "crun" }), TestPodman.start()]);
    for (const [name, text] of [
      [one, "the first"],
      [two, "the second"],
    ] as const) {
      const layers = [busyboxLayer(), [directory("srv"), file("srv/what", `${text}\n`)]];
      await writeOciArchive({ name, layers, config: { Cmd: ["cat", "/srv/what"] } }, at("made.tar"));
      await podman.podman("load", "-i", at("made.tar"));
    }
    await podman.podman("tag", one, also);
  });

  after(async () => {
    try {
      await podman?.close();
    } finally {
      if (daemon !== undefined) await endDaemon(daemon);
    }
  });

  const at = (name: string) => join(daemon.workspace.directory, name);

  /** Runs a command that must succeed. @returns what it printed */
  async function berth(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await daemon.command(...args);
    assert.equal(code, 0, `berth ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  function skopeo(...args: string[]): void {
    execFileSync("skopeo", [
      "--insecure-policy",
      "--tmpdir",
      daemon.workspace.directory,
      "copy",
      "-q",
      ...args,
    ]);
  }

  /** How the layers in an archive or layout are packed, by the bytes that they begin with. */
  function packings(path: string): Set<string> {
    const layout = at("looked-into");
    rmSync(layout, { recursive: true, force: true });
    mkdirSync(layout);
    execFileSync("tar", ["-xf", path, "-C", layout]);
    const files = readdirSync(layout, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    const heads = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name)));
    const kinds = { "1f8b": "gzip", "28b5": "zstd", "7b22": "json", "5b7b": "json" } as const;
    const found = heads
      .filter(({ length }) => length >= 512)
      .map((head) => kinds[head.subarray(0, 2).toString("hex") as keyof typeof kinds] ?? "none");
    return new Set(found.filter((kind) => kind !== "json"));
  }

  /** Loads an archive into a berth that has none of its images, and runs each. */
  async function loads(path: string, names: readonly string[]): Promise<void> {
    assert.deepEqual((await berth("load", path)).trimEnd().split("\n"), names);
    for (const name of names) {
      const text = name === two ? "the second\n" : "the first\n";
      assert.equal(await berth("run", "--rm", name), text, `${name} of ${path}`);
    }
    await berth("rmi", "--all");
    assert.equal(await berth("images", "-q"), "");
  }

  test("docker archives of podman: several tags of an image, several images", async () => {
    await podman.podman("save", "-q", "-o", at("tags.tar"), one, also);
    assert.deepEqual(packings(at("tags.tar")), new Set(["none"]));
    await loads(at("tags.tar"), [also, one]);
    await podman.podman("save", "-q", "-m", "-o", at("both.tar"), one, two);
    await loads(at("both.tar"), [one, two]);
  });

  test("OCI archives of podman and buildah: layers packed by gzip, by zstd, and not", async () => {
    const archives = {
      gzip: () => podman.podman("save", "-q", "--format", "oci-archive", "-o", at("gzip.tar"), one),
      none: () =>
        podman.podman("save", "-q", "--format", "oci-archive", "--uncompressed", "-o", at("none.tar"), one),
      zstd: () =>
        podman.buildah(
          "push",
          "-q",
          "--compression-format",
          "zstd",
          one,
          `oci-archive:${at("zstd.tar")}:${one}`,
        ),
    };
    for (const [packing, save] of Object.entries(archives)) {
      await save();
      assert.deepEqual(packings(at(`${packing}.tar`)), new Set([packing]));
      await loads(at(`${packing}.tar`), [one]);
    }
  });

  test("an image that buildah built, as both kinds of archive", async () => {
    const container = (await podman.buildah("from", "--pull-never", two)).trim();
    writeFileSync(at("what"), "the first\n");
    await podman.buildah("copy", container, at("what"), "/srv/what");
    await podman.buildah("config", "--label", "built=yes", container);
    for (const format of ["oci", "docker"]) {
      const name = `test.berth.example/built:${format}`;
      await podman.buildah("commit", "-q", "--format", format, container, name);
      await podman.buildah("push", "-q", name, `${format}-archive:${at(`${format}.tar`)}:${name}`);
      await loads(at(`${format}.tar`), [name]);
    }
  });

  test("what berth saves, podman loads and runs, skopeo reads both ways, and containerd imports and runs", async () => {
    const saved = at("saved.tar");
    await podman.podman("save", "-q", "-m", "-o", at("pair.tar"), one, two);
    await berth("load", at("pair.tar"));
    await berth("tag", one, also);
    await berth("save", "-o", saved, one, also, two);
    await podman.podman("rmi", "-f", one, also, two);
    await podman.podman("load", "-q", "-i", saved);
    for (const name of [one, also]) assert.equal(await podman.runImage(name), "the first\n");
    assert.equal(await podman.runImage(two), "the second\n");

    await berth("save", "-o", at("one.tar"), one);
    skopeo(`docker-archive:${at("one.tar")}`, `dir:${at("by-docker")}`);
    skopeo(`oci-archive:${at("one.tar")}`, `oci:${at("by-oci")}:one`);
    await berth("rmi", "--all");
    await loads(at("one.tar"), [one]);

    const containerd = await TestContainerd.start();
    try {
      const ctr = (...args: string[]) =>
        execFileSync("ctr", ["--address", containerd.workspace.socket, "--namespace", "k8s.io", ...args], {
          encoding: "utf8",
        });
      ctr("images", "import", saved);
      const names = ctr("images", "ls", "-q").split("\n");
      for (const name of [one, also, two]) assert.ok(names.includes(name), name);
      assert.equal(
        ctr("run", "--rm", "--null-io=false", "--snapshotter", "native", two, "runs"),
        "the second\n",
      );
    } finally {
      await containerd.close();
    }
  });

  test("what berth pushes, podman pulls and runs", async () => {
    const registry = await TestRegistry.start();
    try {
      registry.trustIn(daemon.workspace.certsDir);
      await podman.podman("save", "-q", "-o", at("pushed.tar"), one);
      await berth("load", at("pushed.tar"));
      const target = `${registry.host}/interop/one:1`;
      const creds = ["--creds", `${registry.username}:${registry.password}`];
      await berth("push", "-q", ...creds, one, target);
      await berth("rmi", "--all");
      const certs = at("podman-certs");
      mkdirSync(certs, { recursive: true });
      writeFileSync(join(certs, "ca.crt"), readFileSync(registry.authority));
      await podman.podman("pull", "-q", ...creds, "--cert-dir", certs, target);
      assert.equal(await podman.runImage(target), "the first\n");
    } finally {
      await registry.close();
    }
  });
});
