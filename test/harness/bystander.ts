import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { type ProcessStart, processIdentity } from "../../src/linux/process-identity.ts";
import { ContainerState } from "../../src/wire/gen/runtime.v1.ts";
import type { TestDaemon } from "./daemon.ts";
import { busyboxImage } from "./images.ts";
import { assertOnly, tracesOf } from "./leaks.ts";
import { containerStatus, type MadePod, runContainer, runPod, shellConfig } from "./pods.ts";

/** A pod that runs while daemons come and go: nothing may happen to it, and nothing may be left beside it. */
export class Bystander {
  readonly pod: MadePod;
  readonly #daemon: TestDaemon;
  readonly #containerId: string;
  readonly #pid: number;
  readonly #monitor: ProcessStart;
  readonly #traces: readonly string[];

  private constructor(
    daemon: TestDaemon,
    pod: MadePod,
    container: { readonly id: string; readonly pid: number },
    traces: readonly string[],
  ) {
    this.#daemon = daemon;
    this.pod = pod;
    this.#containerId = container.id;
    this.#pid = container.pid;
    const monitor = processIdentity(processIdentity(container.pid)?.parent ?? 0);
    if (monitor === undefined) throw new Error("the bystander has no monitor");
    this.#monitor = monitor;
    this.#traces = traces;
  }

  /** Runs it where no other pod is. */
  static async run(daemon: TestDaemon): Promise<Bystander> {
    const pod = await runPod(daemon, "bystander");
    const script = "trap 'exit 42' TERM; while :; do sleep 0.1; done";
    const id = await runContainer(daemon, pod, shellConfig("main", busyboxImage, script));
    const pid = await pidOf(daemon, id);
    return new Bystander(daemon, pod, { id, pid }, await tracesOf(daemon));
  }

  /** Fails unless it runs on in the process that it began with, and nothing else is left of any pod or image. */
  async assertAlone(): Promise<void> {
    const { state, exitCode, reason, message } = await containerStatus(this.#daemon, this.#containerId);
    if (state !== ContainerState.CONTAINER_RUNNING)
      assert.fail(`the bystander has ended (${exitCode} ${reason}: ${message}); ${this.#whatIsKnown()}`);
    assert.equal(await pidOf(this.#daemon, this.#containerId), this.#pid, "as the same process");
    await assertOnly(this.#traces, this.#daemon);
  }

  /** Of its end: who has killed its monitor, nobody else can tell later. */
  #whatIsKnown(): string {
    const { pid, startTicks } = this.#monitor;
    const isThere = processIdentity(pid)?.startTicks === startTicks;
    const kernel = spawnSync("dmesg", { encoding: "utf8" }).stdout ?? "";
    const killed = kernel.split("\n").filter((line) => /killed process|segfault/i.test(line));
    return [
      `its monitor ${pid} ${isThere ? "is there" : "is gone"}; of killed processes the kernel says:`,
      ...killed.slice(-5),
      `the daemon's log: ${this.#daemon.logTail(60)}`,
    ].join("\n");
  }

  /** What a command in it says: `words`. */
  async echo(words: string): Promise<string> {
    const request = { containerId: this.#containerId, cmd: ["echo", words], timeout: 20n };
    return Buffer.from((await this.#daemon.pods.execSync(request)).stdout).toString();
  }

  /** Its exit code tells that it got its signal and was not killed. */
  async stop(): Promise<void> {
    await this.#daemon.pods.stopContainer({ containerId: this.#containerId, timeout: 10n });
    const { exitCode } = await containerStatus(this.#daemon, this.#containerId);
    assert.equal(exitCode, 42, "the bystander ran all along");
  }
}

async function pidOf(daemon: TestDaemon, containerId: string): Promise<number> {
  const { info } = await daemon.pods.containerStatus({ containerId, verbose: true });
  const { pid } = JSON.parse(info.info ?? "{}") as { pid: number };
  process.kill(pid, 0); // it is there
  return pid;
}
