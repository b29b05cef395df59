import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ownPort } from "../src/linux/testing/own-port.ts";
import { busyboxLayer, file } from "../test/images/busybox.ts";
import { type ImageRecipe, writeOciArchive } from "../test/images/image.ts";
import { type BigRecipe, writeBigLayout } from "./big-image.ts";

export const busyboxImage = "bench/box:latest";
export const bigImage = "bench/big:latest";
/** What a peer's pods run beside their containers. */
export const pauseImage = "bench/pause:latest";

const headers = { accept: "application/vnd.oci.image.manifest.v1+json" };

/** Debian's docker-registry on loopback over plain HTTP, with the benchmark's images. */
export class BenchRegistry {
  /** As in `127.0.0.1:40123`. */
  readonly host: string;
  readonly #child: ChildProcess;

  private constructor(host: string, child: ChildProcess) {
    this.host = host;
    this.#child = child;
  }

  /** @param data where its images are kept, and found again by the next run */
  static async start(data: string): Promise<BenchRegistry> {
    mkdirSync(data, { recursive: true });
    const port = await ownPort();
    const config = join(data, `config-${port}.yml`);
    writeFileSync(
      config,
      `version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: ${data}/registry}}
http: {addr: "127.0.0.1:${port}"}
`,
    );
    const child = spawn("docker-registry", ["serve", config], { stdio: "ignore" });
    const registry = new BenchRegistry(`127.0.0.1:${port}`, child);
    try {
      await registry.#untilUp();
    } catch (error) {
      await registry.close();
      throw error;
    } finally {
      rmSync(config);
    }
    return registry;
  }

  async #untilUp(): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      const isUp = await fetch(`http://${this.host}/v2/`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isUp) return;
      if (this.#child.exitCode !== null) break;
      await sleep(50);
    }
    throw new Error("docker-registry does not answer");
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await gone;
  }
}

/** Pushes the small images, always: they are of this machine's programs. */
export async function pushSmallImages(host: string): Promise<void> {
  await push(host, busyboxImage, { layers: [busyboxLayer()], config: { Cmd: ["sh"] } });
  const pause = readFileSync("/usr/bin/catatonit"); // static, and waits when told so
  await push(host, pauseImage, {
    layers: [[file("pause", pause, 0o755)]],
    config: { Entrypoint: ["/pause", "-P"] },
  });
}

/**
 * Makes a big image unless it is there.
 *
 * @param data a directory with room for it
 */
export async function pushBigImage(
  host: string,
  data: string,
  recipe: BigRecipe,
  image = bigImage,
): Promise<void> {
  const [name, tag] = image.split(":");
  if ((await fetch(`http://${host}/v2/${name}/manifests/${tag}`, { method: "HEAD", headers })).ok) return;
  mkdirSync(data, { recursive: true });
  const layout = mkdtempSync(join(data, "layout-"));
  try {
    await writeBigLayout(layout, recipe);
    copy(`oci:${layout}`, host, image);
  } finally {
    rmSync(layout, { recursive: true, force: true });
  }
}

async function push(host: string, name: string, recipe: Omit<ImageRecipe, "name">): Promise<void> {
  const directory = mkdtempSync("/tmp/berth-bench-push-");
  try {
    const archive = join(directory, "image.tar");
    await writeOciArchive({ ...recipe, name: "pushed" }, archive);
    copy(`oci-archive:${archive}`, host, name);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function copy(source: string, host: string, name: string): void {
  const args = ["copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false"];
  execFileSync("skopeo", [...args, source, `docker://${host}/${name}`]);
}

/** The size of an image's layers, in MB. */
export async function packedSize(host: string, image = bigImage): Promise<number> {
  const [name, tag] = image.split(":");
  const answer = await fetch(`http://${host}/v2/${name}/manifests/${tag}`, { headers });
  const { layers } = (await answer.json()) as { layers: { size: number }[] };
  return layers.reduce((sum, { size }) => sum + size, 0) / 1e6;
}
