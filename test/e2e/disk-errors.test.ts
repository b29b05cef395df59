import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { ContainerState } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import {
  containerStatus,
  eventually,
  exited,
  type MadePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { isRoot } from "../harness/privileged.ts";

const skip =
  isRoot && hasDeviceMapper() ? false : "NOT RUN: needs root, device-mapper and dmsetup (make test-guest)";
if (skip) process.stderr.write(`\n*** disks that answer with errors: ${skip} ***\n\n`);

function dmsetup(...args: readonly string[]): string {
  return execFileSync("/sbin/dmsetup", args, { stdio: "pipe" }).toString();
}

/** A disk whose every block answers with an error for a while, below a file system that does not give up for good over it. */
class FailingDisk {
  readonly name = `berth-failing-${process.pid}`;
  #sectors = "";
  #loop = "";

  /** For `prepare`. */
  mountAt(at: string): string {
    execFileSync("truncate", ["-s", "64M", `/tmp/${this.name}`]);
    this.#loop = execFileSync("losetup", ["--find", "--show", `/tmp/${this.name}`])
      .toString()
      .trim();
    this.#sectors = execFileSync("blockdev", ["--getsz", this.#loop]).toString().trim();
    dmsetup("create", this.name, "--table", this.#table("linear"));
    return `mkdir -p ${at}; mkfs.ext4 -q -O ^has_journal /dev/mapper/${this.name}; mount -o errors=continue /dev/mapper/${this.name} ${at}`;
  }

  #table(kind: "linear" | "error"): string {
    return `0 ${this.#sectors} ${kind}${kind === "linear" ? ` ${this.#loop} 0` : ""}`;
  }

  set(kind: "linear" | "error"): void {
    dmsetup("suspend", "--noflush", "--nolockfs", this.name);
    dmsetup("load", this.name, "--table", this.#table(kind));
    dmsetup("resume", this.name);
  }

  remove(): void {
    dmsetup("remove", "--retry", this.name);
    execFileSync("losetup", ["--detach", this.#loop]);
    execFileSync("rm", [`/tmp/${this.name}`]);
  }
}

describe("a disk that answers with errors for a while", { skip }, () => {
  const disk = new FailingDisk();
  let daemon: TestDaemon;
  let pod: MadePod;
  let container = "";
  let ending = "";

  before(async () => {
    daemon = await TestDaemon.start({ prepare: ({ root }) => disk.mountAt(root) });
    await importBusybox(daemon);
    pod = await runPod(daemon, "there");
    container = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 999"));
    const told = "trap 'exit 3' TERM; while true; do sleep 0.1; done";
    ending = await runContainer(daemon, pod, shellConfig("ending", busyboxImage, told));
  });

  after(async () => {
    await endDaemon(daemon);
    disk.remove();
  });

  const create = () =>
    daemon.pods.createContainer({
      podSandboxId: pod.id,
      config: shellConfig("new", busyboxImage, "sleep 999"),
      sandboxConfig: pod.config,
    });

  const ready = async () => {
    const { status } = await daemon.pods.status({ verbose: false });
    return status?.conditions.find(({ type }) => type === "RuntimeReady");
  };

  test("changes say so, the node is not ready; all goes on by itself when the disk is well, ends are recorded then", async () => {
    await daemon.inside("sh", "-c", "sync; echo 3 > /proc/sys/vm/drop_caches");
    disk.set("error");
    // what is in memory may be written to for a while
    const failed = await eventually("a change to fail", 60_000, async () => {
      const error = await create().then(
        async ({ containerId }) => void (await daemon.pods.removeContainer({ containerId })),
        (reason: Error) => reason,
      );
      return error ?? undefined;
    });
    assert.match(failed.message, /can't be read or written as it should: journalctl -k/);
    await daemon.pods
      .execSync({ containerId: ending, cmd: ["kill", "-TERM", "1"], timeout: 10n })
      .catch(() => undefined);
    assert.equal((await containerStatus(daemon, container)).state, ContainerState.CONTAINER_RUNNING);
    disk.set("linear");
    await eventually("the node to be ready", 60_000, async () => (await ready())?.status || undefined);
    assert.equal((await exited(daemon, ending, 60_000)).exitCode, 3);
    const { containerId } = await create();
    await daemon.pods.startContainer({ containerId });
  });
});

function hasDeviceMapper(): boolean {
  try {
    return dmsetup("targets").includes("linear");
  } catch {
    return false; // no program, or no such kernel
  }
}
