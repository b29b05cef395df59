import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processesBy } from "../../src/linux/process-args.ts";
import { type CommandResult, runProgram } from "./command.ts";
import { type MountNamespace, privateNamespace } from "./mount-namespace.ts";
import { eventually } from "./pods.ts";

/** Debian's podman and buildah with crun, on a storage of their own, where nothing of theirs is seen or kept. */
export class TestPodman {
  readonly directory: string;
  readonly #namespace: MountNamespace;

  private constructor(directory: string, namespace: MountNamespace) {
    this.directory = directory;
    this.#namespace = namespace;
  }

  static async start(): Promise<TestPodman> {
    return new TestPodman(mkdtempSync(join(tmpdir(), "berth-podman-")), await privateNamespace());
  }

  get #storage(): string[] {
    const at = (name: string) => join(this.directory, name);
    return ["--root", at("root"), "--runroot", at("run"), "--storage-driver", "vfs"];
  }

  /** Runs a podman command that must succeed. @returns what it printed */
  podman(...args: string[]): Promise<string> {
    const own = ["--tmpdir", join(this.directory, "tmp"), "--events-backend", "none"];
    const runtime = ["--runtime", "crun", "--cgroup-manager", "cgroupfs"];
    return this.#run(["podman", ...this.#storage, ...own, ...runtime, ...args]);
  }

  /** Runs a buildah command that must succeed. @returns what it printed */
  buildah(...args: string[]): Promise<string> {
    return this.#run(["buildah", ...this.#storage, ...args]);
  }

  /** Runs a container from an image to its end, without a network or cgroup of its own. @returns what it printed */
  runImage(image: string): Promise<string> {
    // More than the caller's own limits it may not be given.
    const limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];
    return this.podman("run", "--rm", "--network", "none", "--cgroups", "disabled", ...limits, image);
  }

  async #run(command: readonly string[]): Promise<string> {
    const { code, stdout, stderr }: CommandResult = await runProgram(this.#namespace.wrap(command));
    if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stderr}`);
    return stdout;
  }

  async close(): Promise<void> {
    // after a container's end its monitor has podman clean up, beside the command that ran it
    const isUsing = (words: readonly string[]) => words.some((word) => word.startsWith(`${this.directory}/`));
    await eventually("podman to have cleaned up", 30_000, async () =>
      (await processesBy(isUsing)).length === 0 ? true : undefined,
    );
    await this.#namespace.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
