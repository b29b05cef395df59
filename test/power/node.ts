import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DaemonOptions, TestDaemon } from "../harness/daemon.ts";
import { quietly, sweepScript } from "../harness/workspace.ts";
import type { BootedNode } from "./check.ts";

/** Where the kernel says which boot this is, and when it began. */
const bootFiles = ["/proc/sys/kernel/random/boot_id", "/proc/stat"] as const;

/**
 * A daemon with all that has to outlive a reboot on one disk, which can be taken out from under it and replaced. It runs
 * in the mount namespace of this process, where crun works and mounts are nobody else's.
 */
export class NodeOnDisk implements BootedNode, AsyncDisposable {
  readonly daemon: TestDaemon;
  readonly #directory: string;
  /** How much of the daemon's log was written before its last start. */
  #logged = 0;

  private constructor(daemon: TestDaemon, directory: string) {
    this.daemon = daemon;
    this.#directory = directory;
  }

  /**
   * @param disk a device or a file with an ext4 file system
   */
  static async start(
    directory: string,
    disk: string,
    options: Pick<DaemonOptions, "command">,
  ): Promise<NodeOnDisk> {
    const mountPoint = join(directory, "mounted");
    mkdirSync(mountPoint, { recursive: true });
    mount(disk, mountPoint);
    mkdirSync(join(mountPoint, "leases"), { recursive: true });
    const daemon = await TestDaemon.start({
      ...options,
      mounts: "caller's",
      root: join(mountPoint, "berth"),
      prepare: ({ leases }) => {
        symlinkSync(join(mountPoint, "leases"), leases);
        return "";
      },
    });
    return new NodeOnDisk(daemon, directory);
  }

  get #mountPoint(): string {
    return join(this.#directory, "mounted");
  }

  /** Everything that is not on the disk goes, as in a power cut. */
  async cut(): Promise<void> {
    await this.daemon.kill();
    const { workspace } = this.daemon;
    execFileSync("sh", ["-c", sweepScript(workspace)], { stdio: "inherit" });
    quietly("ip", ["link", "delete", workspace.bridge]);
    rmSync(workspace.state, { recursive: true, force: true });
    rmSync(workspace.socket, { force: true });
    execFileSync("umount", [this.#mountPoint]);
  }

  /** Starts with this disk, in another boot. */
  async boot(disk: string): Promise<void> {
    mount(disk, this.#mountPoint);
    this.#tellAnotherBoot();
    this.#logged = statSync(this.daemon.logFile).size;
    await this.daemon.launch();
  }

  #tellAnotherBoot(): void {
    const began = `btime ${Math.floor(Date.now() / 1000)}`;
    for (const file of bootFiles) quietly("umount", [file]);
    const texts = [`${randomUUID()}\n`, readFileSync("/proc/stat", "latin1").replace(/^btime \d+/m, began)];
    for (const [index, file] of bootFiles.entries()) {
      const told = join(this.#directory, `boot-${index}`);
      writeFileSync(told, texts[index] ?? "");
      execFileSync("mount", ["--bind", told, file]);
    }
  }

  get warnings(): readonly string[] {
    const text = readFileSync(this.daemon.logFile).subarray(this.#logged).toString();
    return text
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line))
      .filter(({ level }) => level !== "info" && level !== "debug")
      .map(({ msg }) => msg);
  }

  get names(): readonly string[] {
    return namesBelow(this.daemon.workspace.root);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon.close();
    quietly("umount", [this.#mountPoint]);
    for (const file of bootFiles) quietly("umount", [file]);
  }
}

/** Every name below a daemon's root but for the database's own. */
export function namesBelow(root: string): readonly string[] {
  const found = execFileSync("find", [root, "-mindepth", "1", "-not", "-path", `${root}/berth.db*`]);
  return found.toString().trim().split("\n").sort();
}

/** As a node does at boot: the kernel plays the journal back. */
function mount(disk: string, at: string): void {
  const loop = statSync(disk).isFile() ? ["-o", "loop"] : [];
  execFileSync("mount", [...loop, disk, at], { stdio: ["ignore", "inherit", "inherit"] });
}
