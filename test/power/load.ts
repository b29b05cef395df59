import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type AuthConfig, ImageSpec } from "../../src/wire/gen/runtime.v1.ts";
import type { DaemonCalls } from "../harness/daemon.ts";
import { removePod, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import type { TestRegistry } from "../harness/registry.ts";
import { writeOciArchive } from "../images/image.ts";
import { selfCheckingImage } from "./images.ts";
import type { Random } from "./random.ts";

/** Something that the daemon was asked for, and where the log of the disk stood. */
export interface Asked {
  readonly what: string;
  readonly begun: number;
  /** Undefined until it was answered. */
  ended: number | undefined;
}

/** What the load is to be like. */
export interface LoadOptions {
  readonly random: Random;
  readonly withPods: boolean;
  /** Says where the log of the disk stands. All that the disk was told by then is before that, all that it will be told after. */
  mark(): number | Promise<number>;
}

/** The images of the load. Two are pulled, one of which is pruned now and then; one is imported. */
export interface LoadImages {
  readonly pulled: string;
  readonly used: string;
  readonly imported: string;
  readonly archive: string;
  readonly auth: AuthConfig;
}

const imported = "power.test/imported:1";
const prunable = "prunable";

export async function makeLoadImages(registry: TestRegistry, directory: string): Promise<LoadImages> {
  const archive = join(directory, "imported.tar");
  await writeOciArchive({ ...selfCheckingImage("imported", {}), name: imported }, archive);
  return {
    pulled: await registry.push(selfCheckingImage("pulled", { [prunable]: "" }), "power/pulled:1"),
    used: await registry.push(selfCheckingImage("used", {}), "power/used:1"),
    imported,
    archive,
    auth: registry.auth,
  };
}

/** Pulls, removes, prunes, imports and runs pods, all at once, and remembers when it asked for what. */
export class Load {
  readonly asked: Asked[] = [];
  readonly #daemon: DaemonCalls;
  readonly #images: LoadImages;
  readonly #options: LoadOptions;

  constructor(daemon: DaemonCalls, images: LoadImages, options: LoadOptions) {
    this.#daemon = daemon;
    this.#images = images;
    this.#options = options;
  }

  async run(durationMs: number): Promise<void> {
    const end = Date.now() + durationMs;
    const again = async (until: number, act: () => Promise<void>) => {
      while (Date.now() < until) await act();
    };
    await Promise.all([
      again(end, () => this.#pullAndRemove()),
      again(this.#options.withPods ? end : 0, () => this.#pods()),
      again(end, () => this.#import()),
      again(end, () => this.#prune()),
    ]);
  }

  async #pullAndRemove(): Promise<void> {
    await this.pull(this.#images.pulled);
    await this.#pause(2_500);
    if (this.#options.random.next() < 0.5) await this.#remove(this.#images.pulled);
  }

  async #pods(): Promise<void> {
    const { used } = this.#images;
    await this.pull(used);
    const pods = await Promise.all(["one", "other"].map((name) => this.#pod(name)));
    await this.#pause(1_500);
    for (const id of pods) await this.#ask("remove a pod", () => removePod(this.#daemon, id));
    if (this.#options.random.next() < 0.3) await this.#remove(used);
  }

  async #pod(name: string): Promise<string> {
    return this.#ask("run a pod", async () => {
      const pod = await runPod(this.#daemon, name);
      const script = "head -c 300000 /dev/urandom > /written; exec sleep 9999";
      await runContainer(this.#daemon, pod, shellConfig("main", this.#images.used, script));
      return pod.id;
    });
  }

  async #import(): Promise<void> {
    const { archive, imported } = this.#images;
    await this.#ask(`import ${imported}`, () => this.#daemon.berth.import({ path: archive }));
    await this.#pause(4_000);
    if (this.#options.random.next() < 0.5) await this.#remove(imported);
  }

  async #prune(): Promise<void> {
    await this.#pause(4_000);
    const labels = [prunable];
    await this.#ask("prune", () => this.#daemon.berth.prune({ dryRun: false, all: true, until: 0n, labels }));
  }

  async pull(image: string): Promise<void> {
    const { auth } = this.#images;
    await this.#ask(`pull ${image}`, () =>
      this.#daemon.images.pullImage({ image: ImageSpec.create({ image }), auth, sandboxConfig: undefined }),
    );
  }

  #remove(image: string): Promise<unknown> {
    return this.#ask(`remove ${image}`, () =>
      this.#daemon.images.removeImage({ image: ImageSpec.create({ image }) }),
    );
  }

  async #ask<T>(what: string, call: () => Promise<T>): Promise<T> {
    const asked: Asked = { what, begun: await this.#options.mark(), ended: undefined };
    this.asked.push(asked);
    const answer = await call();
    asked.ended = await this.#options.mark();
    return answer;
  }

  #pause(mostMs: number): Promise<void> {
    return sleep(this.#options.random.below(mostMs));
  }
}
