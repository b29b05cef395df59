import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  ContainerConfig,
  ContainerState,
  type ContainerStatus,
  ImageSpec,
  NamespaceMode,
  PodSandboxConfig,
} from "../../src/wire/gen/runtime.v1.ts";
import type { DaemonCalls } from "./daemon.ts";
import { patience } from "./patience.ts";

type PodOverrides = Parameters<typeof PodSandboxConfig.create>[0];
type ContainerOverrides = Parameters<typeof ContainerConfig.create>[0];

/** A pod's configuration as a kubelet would send it, with its own uid and log directory. */
export function podConfig(
  daemon: Pick<DaemonCalls, "workspace">,
  name: string,
  overrides: PodOverrides = {},
): PodSandboxConfig {
  const uid = randomUUID();
  const logDirectory = join(daemon.workspace.logs, uid);
  mkdirSync(logDirectory, { recursive: true });
  return PodSandboxConfig.create({
    metadata: { name, uid, namespace: "test", attempt: 0 },
    hostname: name,
    logDirectory,
    linux: {
      securityContext: {
        namespaceOptions: {
          network: NamespaceMode.POD,
          pid: NamespaceMode.CONTAINER,
          ipc: NamespaceMode.POD,
        },
      },
    },
    ...overrides,
  });
}

/** A container's configuration that runs `script` in a shell. */
export function shellConfig(
  name: string,
  image: string,
  script: string,
  overrides: ContainerOverrides = {},
): ContainerConfig {
  return ContainerConfig.create({
    metadata: { name, attempt: 0 },
    image: ImageSpec.create({ image }),
    command: ["/bin/sh", "-c", script],
    logPath: `${name}.log`,
    ...overrides,
  });
}

/** A pod and what was asked for. */
export interface MadePod {
  readonly id: string;
  readonly config: PodSandboxConfig;
}

export async function runPod(
  daemon: DaemonCalls,
  name: string,
  overrides: PodOverrides = {},
  runtimeHandler = "",
): Promise<MadePod> {
  const config = podConfig(daemon, name, overrides);
  const { podSandboxId } = await daemon.pods.runPodSandbox({ config, runtimeHandler });
  return { id: podSandboxId, config };
}

/** Creates and starts a container. @returns its id */
export async function runContainer(
  daemon: DaemonCalls,
  pod: MadePod,
  config: ContainerConfig,
): Promise<string> {
  const { containerId } = await daemon.pods.createContainer({
    podSandboxId: pod.id,
    config,
    sandboxConfig: pod.config,
  });
  await daemon.pods.startContainer({ containerId });
  return containerId;
}

export async function removePod(daemon: DaemonCalls, id: string): Promise<void> {
  await daemon.pods.stopPodSandbox({ podSandboxId: id });
  await daemon.pods.removePodSandbox({ podSandboxId: id });
}

/** Stops and removes every pod that the daemon knows. */
export async function removeAllPods(daemon: DaemonCalls): Promise<void> {
  const { items } = await daemon.pods.listPodSandbox({});
  await Promise.all(items.map(({ id }) => removePod(daemon, id)));
}

export async function containerStatus(daemon: DaemonCalls, containerId: string): Promise<ContainerStatus> {
  const { status } = await daemon.pods.containerStatus({ containerId, verbose: false });
  if (status === undefined) throw new Error(`container ${containerId} has no status`);
  return status;
}

/** Waits until the container has ended. */
export async function exited(
  daemon: DaemonCalls,
  containerId: string,
  withinMs = 30_000,
): Promise<ContainerStatus> {
  return eventually(`container ${containerId} to end`, withinMs, async () => {
    const status = await containerStatus(daemon, containerId);
    return status.state === ContainerState.CONTAINER_EXITED ? status : undefined;
  });
}

/** Asks until there is an answer, for so long on a quick machine. */
export async function eventually<T>(
  what: string,
  withinMs: number,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const until = Date.now() + withinMs * patience;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > until) throw new Error(`waited ${withinMs * patience} ms in vain for ${what}`);
    await sleep(20);
  }
}

/** Asks between two looks at the kernel's figures, until those agree: nothing changed meanwhile. */
export async function whileStill<Figures extends object, T>(
  look: () => Figures,
  ask: () => Promise<T>,
): Promise<[Figures, T]> {
  return eventually<[Figures, T]>("the figures to stand still", 30_000, async () => {
    const first = look();
    const answer = await ask();
    const last = look();
    return String(Object.values(first)) === String(Object.values(last)) ? [last, answer] : undefined;
  });
}
