import assert from "node:assert/strict";
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
    const ending = `${exitCode} ${reason}: ${message}`;
    assert.equal(
      state,
      ContainerState.CONTAINER_RUNNING,
      `the bystander runs on, and did not end (${ending})`,
    );
    assert.equal(await pidOf(this.#daemon, this.#containerId), this.#pid, "as the same process");
    await assertOnly(this.#traces, this.#daemon);
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
