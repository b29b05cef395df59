import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ImageServiceService, RuntimeServiceService } from "../../src/wire/gen/runtime.v1.ts";
import { type Connection, connect } from "../../src/wire/grpc/client.ts";
import type { Calls } from "../../src/wire/grpc/method.ts";
import { busyboxLayer } from "../images/busybox.ts";
import { type ImageRecipe, writeOciArchive } from "../images/image.ts";
import { patience } from "./patience.ts";
import { makeWorkspace, quietly, removeWorkspace, sweepScript, type Workspace } from "./workspace.ts";

const startDeadlineMs = 30_000 * patience;
const pauseImage = "test.berth.example/pause:1";
/** What pods on it are made from. */
export const busyboxImage = "test.berth.example/busybox:1";

/** Debian's containerd with runc, with directories, cgroup and bridge of its own: another runtime for the command. */
export class TestContainerd {
  readonly workspace: Workspace;
  readonly #child: ChildProcess;
  readonly #connection: Connection;

  private constructor(workspace: Workspace, child: ChildProcess) {
    this.workspace = workspace;
    this.#child = child;
    this.#connection = connect(workspace.socket);
  }

  /** Starts it with the images in it that pods need: there is no registry. */
  static async start(): Promise<TestContainerd> {
    const workspace = makeWorkspace({ runtime: "runc" });
    const config = join(workspace.directory, "containerd.toml");
    writeFileSync(config, configOf(workspace));
    for (const path of [workspace.root, workspace.state]) mkdirSync(path);
    const log = openSync(join(workspace.directory, "containerd.log"), "a");
    const child = spawn("containerd", ["--config", config], { stdio: ["ignore", log, log] });
    closeSync(log);
    const containerd = new TestContainerd(workspace, child);
    try {
      await containerd.#ready();
      await containerd.#import({
        name: pauseImage,
        layers: [busyboxLayer()],
        config: { Cmd: ["sleep", "1000000"] },
      });
      await containerd.#import({
        name: busyboxImage,
        layers: [busyboxLayer()],
        config: { Cmd: ["sh"] },
        history: [{ created_by: "ADD busybox" }],
      });
    } catch (error) {
      await containerd.close();
      throw error;
    }
    return containerd;
  }

  get pods(): Calls<typeof RuntimeServiceService> {
    return this.#connection.calls(RuntimeServiceService);
  }

  get images(): Calls<typeof ImageServiceService> {
    return this.#connection.calls(ImageServiceService);
  }

  async #ready(): Promise<void> {
    const until = Date.now() + startDeadlineMs;
    for (;;) {
      const answer = await this.pods.version({ version: "v1" }, { timeout: 1000 }).catch(() => undefined);
      if (answer !== undefined) return;
      if (this.#child.exitCode !== null) throw new Error(`containerd ended: ${this.#logTail()}`);
      if (Date.now() > until) throw new Error(`containerd does not answer: ${this.#logTail()}`);
      await sleep(50);
    }
  }

  /** Its CRI has no call for it. */
  async #import(recipe: ImageRecipe): Promise<void> {
    const path = join(this.workspace.directory, "image.tar");
    await writeOciArchive(recipe, path);
    execFileSync(
      "ctr",
      ["--address", this.workspace.socket, "--namespace", "k8s.io", "images", "import", path],
      {
        stdio: ["ignore", "ignore", "inherit"],
      },
    );
  }

  #logTail(): string {
    return readFileSync(join(this.workspace.directory, "containerd.log"), "utf8")
      .split("\n")
      .slice(-20)
      .join("\n");
  }

  /** Removes its pods, ends it, and takes its surroundings away. */
  async close(): Promise<void> {
    const { items } = await this.pods.listPodSandbox({}).catch(() => ({ items: [] }));
    for (const { id: podSandboxId } of items) {
      // What fails here is swept below; the daemon has to end in any case.
      await this.pods.stopPodSandbox({ podSandboxId }).catch(() => undefined);
      await this.pods.removePodSandbox({ podSandboxId }).catch(() => undefined);
    }
    this.#connection.close();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = new Promise((resolve) => this.#child.once("exit", resolve));
      this.#child.kill("SIGTERM");
      await ended;
    }
    quietly("sh", ["-c", sweepScript(this.workspace)]);
    removeWorkspace(this.workspace);
  }
}

/** Version 2 is what Debian's 1.6 reads; with nothing outside the workspace, and no score that this process may not set. */
function configOf({ directory, root, state, socket, confDir }: Workspace): string {
  return `version = 2
root = "${root}"
state = "${state}"
disabled_plugins = ["io.containerd.internal.v1.restart", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]

[grpc]
address = "${socket}"

[plugins."io.containerd.internal.v1.opt"]
path = "${join(directory, "opt")}"

[plugins."io.containerd.grpc.v1.cri"]
netns_mounts_under_state_dir = true
sandbox_image = "${pauseImage}"
stream_server_address = "127.0.0.1"
stream_server_port = "0"
restrict_oom_score_adj = true
stats_collect_period = 1

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "${confDir}"
`;
}
