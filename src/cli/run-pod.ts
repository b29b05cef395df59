import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { during, Fault } from "../base/fault.ts";
import type { ContainerConfig, PodSandboxConfig } from "../wire/gen/runtime.v1.ts";
import { readContainerConfig, readPodSandboxConfig } from "./config-file/read.ts";
import type { Runtime } from "./context.ts";
import { shortId } from "./output/units.ts";
import { authFrom, hasImage, pullImage } from "./pull-image.ts";
import { removePod } from "./remove-pod.ts";
import { containerConfig, nameFor, podConfig } from "./run-config.ts";
import type { RunOptions } from "./run-options.ts";

/** A pod and the container in it that are to be made. */
export interface PodPlan {
  readonly pod: PodSandboxConfig;
  readonly container: ContainerConfig;
}

/** What was made of it. */
export interface MadePod {
  readonly podId: string;
  readonly containerId: string;
  readonly logPath: string;
}

/** How a plan is carried out: the options that matter beyond the configurations, and what ends it early. */
export interface MakeOptions {
  readonly options: Pick<RunOptions, "pull" | "runtime" | "creds" | "credsFile" | "auth">;
  /** Else the container is only created. */
  readonly start: boolean;
  readonly interrupted: AbortSignal;
}

/** The plan that flags describe, as docker's do. @throws {Fault} alreadyExists for a name that is taken */
export async function planFromFlags(
  runtime: Runtime,
  image: string,
  args: readonly string[],
  options: RunOptions,
): Promise<PodPlan> {
  const uid = randomUUID();
  const name = options.name ?? nameFor(image, uid);
  const pod = podConfig(name, uid, options);
  const container = containerConfig({ name, uid }, image, args, options);
  await refuseTakenName(runtime, name);
  return { pod, container };
}

/** The plan in two files, as crictl's users have them. */
export async function planFromFiles(containerFile: string, podFile: string): Promise<PodPlan> {
  return { container: await readContainerConfig(containerFile), pod: await readPodSandboxConfig(podFile) };
}

async function refuseTakenName(runtime: Runtime, name: string): Promise<void> {
  const { items } = await runtime.pods.listPodSandbox({});
  const other = items.find((pod) => pod.metadata?.name === name && pod.metadata.namespace === "default");
  if (other === undefined) return;
  throw new Fault("alreadyExists", `there is a pod "${name}" already: ${shortId(other.id)}`, {
    hint: `remove it with \`berth rm -f ${name}\`, or choose another --name`,
  });
}

/** Makes the pod and its container, pulling the image first if need be; takes the pod away again when that fails. */
export async function makePod(
  runtime: Runtime,
  { pod, container }: PodPlan,
  how: MakeOptions,
): Promise<MadePod> {
  await ensureImage(runtime, container.image?.image ?? "", how);
  const podId = await runPodSandbox(runtime, pod, how.options.runtime);
  try {
    const containerId = await createContainer(runtime, podId, { pod, container });
    if (how.start) await startContainer(runtime, containerId, container.metadata?.name ?? containerId);
    return { podId, containerId, logPath: `${pod.logDirectory}/${container.logPath}` };
  } catch (error) {
    await removePod(runtime, podId);
    throw error;
  }
}

/** Pulls the image when `--pull` says so. @throws {Fault} notFound when it may not be pulled */
export async function ensureImage(
  runtime: Runtime,
  image: string,
  { options, interrupted: signal }: Pick<MakeOptions, "options" | "interrupted">,
): Promise<void> {
  if (isAbsolute(image)) return; // the archive of a checkpoint, which says what it needs
  if (options.pull !== "always" && (await hasImage(runtime, image))) return;
  if (options.pull === "never") {
    throw new Fault("notFound", `image ${image} is not on this node, and --pull is never`);
  }
  await pullImage(runtime, { image, auth: authFrom(options), namespace: "default" }, { signal });
}

/** @returns the pod's id */
export async function runPodSandbox(
  runtime: Runtime,
  config: PodSandboxConfig,
  runtimeHandler = "",
): Promise<string> {
  // On a node with a kubelet, it would do that.
  if (config.logDirectory !== "") await mkdir(config.logDirectory, { recursive: true, mode: 0o755 });
  try {
    return (await runtime.pods.runPodSandbox({ config, runtimeHandler })).podSandboxId;
  } catch (error) {
    throw during(`running pod ${config.metadata?.name}`, error);
  }
}

/** @returns the container's id */
export async function createContainer(
  runtime: Runtime,
  podSandboxId: string,
  { pod: sandboxConfig, container: config }: PodPlan,
): Promise<string> {
  try {
    return (await runtime.pods.createContainer({ podSandboxId, config, sandboxConfig })).containerId;
  } catch (error) {
    throw during(`creating container ${config.metadata?.name}`, error);
  }
}

/** `name` is what it goes by in errors. */
export async function startContainer(runtime: Runtime, containerId: string, name: string): Promise<void> {
  try {
    await runtime.pods.startContainer({ containerId });
  } catch (error) {
    throw during(`starting container ${name}`, error);
  }
}
