import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { directory, file } from "../images/busybox.ts";
import { writeOciArchive } from "../images/image.ts";
import { Kubelet } from "./kubelet.ts";

/** Where cAdvisor looks for CRI-O, whatever the kubelet is told. */
const crioDirectory = "/run/crio";
const diskMegabytes = 512;

/** A daemon that cAdvisor takes for CRI-O, its files on a disk of their own, and a kubelet beside it. */
export class TestNode implements AsyncDisposable {
  readonly daemon: TestDaemon;
  readonly kubelet: Kubelet;
  readonly endpoint = join(crioDirectory, "crio.sock");
  /** Given to pods as a directory of the node. */
  readonly shared: string;
  readonly #opened = new AsyncDisposableStack();

  private constructor(daemon: TestDaemon) {
    this.daemon = daemon;
    this.kubelet = new Kubelet(daemon);
    this.shared = join(daemon.workspace.directory, "shared");
    mkdirSync(this.shared);
    this.#opened.defer(() => daemon.close());
  }

  static async start(runtime: "crun" | "runc"): Promise<TestNode> {
    const node = new TestNode(await TestDaemon.start({ runtime, mounts: "own" }));
    try {
      await node.#furnish();
      return node;
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** In the daemon's mount namespace: the disk, and CRI-O's directory, which leads into the workspace. */
  async #furnish(): Promise<void> {
    const { workspace } = this.daemon;
    await this.daemon.stop();
    mkdirSync(crioDirectory, { recursive: true });
    this.#opened.defer(() => removeIfEmpty(crioDirectory));
    const crio = join(workspace.directory, "crio");
    const disk = join(workspace.directory, "disk");
    const made = await this.daemon.inside(
      "sh",
      "-ec",
      `mkdir ${crio}; mount --bind ${crio} ${crioDirectory}
       truncate -s ${diskMegabytes}M ${disk}; mkfs.ext4 -q -F ${disk}; mount -o loop ${disk} ${workspace.root}`,
    );
    if (made.code !== 0) throw new Error(`furnishing the node: ${made.stderr}`);
    appendFileSync(workspace.configFile, `\n[kubelet]\ncadvisor = "crio"\n`);
    await this.daemon.launch();
    await importBusybox(this.daemon);
    await this.kubelet.prepare();
    this.#opened.defer(() => this.kubelet.close());
  }

  /** An image of that many megabytes, which no pod uses. */
  async importUnused(name: string, megabytes: number): Promise<void> {
    const path = join(this.daemon.workspace.directory, "unused.tar");
    const data = Buffer.alloc(megabytes << 20, name);
    await writeOciArchive({ name, layers: [[directory("data"), file("data/file", data)]], config: {} }, path);
    await this.daemon.berth.import({ path });
    rmSync(path);
  }

  /** The tags of the images that the daemon has, but for the pods' one. */
  async unusedImages(): Promise<string[]> {
    const { images } = await this.daemon.images.listImages({});
    return images.flatMap(({ repoTags }) => repoTags).filter((tag) => tag !== busyboxImage);
  }

  /** Another build of this berth, installed as on a node. */
  installed(): string {
    const place = mkdtempSync("/tmp/berth-kubelet-dist-");
    this.#opened.defer(() => rmSync(place, { recursive: true, force: true }));
    const install = fileURLToPath(new URL("../../packaging/install/install.sh", import.meta.url));
    execFileSync(install, [place, "/usr"], { stdio: ["ignore", "ignore", "inherit"] });
    return `${place}/usr/bin/berth`;
  }

  get daemonLog(): string {
    return readFileSync(this.daemon.logFile, "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }
}

/** It was there before, when another runtime is on the node. */
function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Somebody else's.
  }
}
