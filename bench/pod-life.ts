import { join } from "node:path";
import type { Cgroups } from "../src/linux/contract.ts";
import { ContainerConfig, type PodSandboxConfig } from "../src/wire/gen/runtime.v1.ts";
import { podConfig } from "../test/harness/pods.ts";
import type { Subject } from "./subjects/subject.ts";

/** What a call took, in ms. */
export type Note = (call: string, ms: number) => void;

/** Where a pod's calls go to. */
type Addressed = Pick<Subject, "pods" | "workspace">;

/** A pod with one container that runs, and its cgroup. */
export interface LivePod {
  readonly podSandboxId: string;
  readonly containerId: string;
  readonly cgroup: string;
}

/** How long the kernel may take to let go of a pod's cgroup. */
const removeWaitMs = 5_000;

async function timed<T>(call: string, note: Note, work: Promise<T>): Promise<T> {
  const began = performance.now();
  const answer = await work;
  note(call, performance.now() - began);
  return answer;
}

/** The pod's cgroup, made by the client as a kubelet makes it: before the clock runs. */
async function configOf(subject: Addressed, name: string, cgroups: Cgroups): Promise<PodSandboxConfig> {
  const cgroup = join(subject.workspace.cgroupParent, "pods", name);
  await cgroups.create(cgroup);
  const config = podConfig(subject, name);
  return { ...config, linux: config.linux && { ...config.linux, cgroupParent: cgroup } };
}

/** Starts a pod and its container that sleeps. */
export async function podUp(
  subject: Addressed,
  name: string,
  image: string,
  cgroups: Cgroups,
  note: Note,
): Promise<LivePod> {
  const { pods } = subject;
  const config = await configOf(subject, name, cgroups);
  const began = performance.now();
  const { podSandboxId } = await timed(
    "RunPodSandbox",
    note,
    pods.runPodSandbox({ config, runtimeHandler: "" }),
  );
  const { containerId } = await timed(
    "CreateContainer",
    note,
    pods.createContainer({ podSandboxId, config: sleeping(image, config), sandboxConfig: config }),
  );
  await timed("StartContainer", note, pods.startContainer({ containerId }));
  note("up", performance.now() - began);
  return { podSandboxId, containerId, cgroup: config.linux?.cgroupParent ?? "" };
}

function sleeping(image: string, { linux }: PodSandboxConfig): ContainerConfig {
  return ContainerConfig.create({
    metadata: { name: "main", attempt: 0 },
    image: { image, userSpecifiedImage: image },
    command: ["/bin/sleep", "9999"],
    logPath: "main.log",
    // As a kubelet says it, again.
    linux: { securityContext: { namespaceOptions: linux?.securityContext?.namespaceOptions } },
  });
}

/** Ends a pod as the kubelet does. */
export async function podDown(subject: Addressed, pod: LivePod, cgroups: Cgroups, note: Note): Promise<void> {
  const { pods } = subject;
  const { podSandboxId, containerId } = pod;
  const began = performance.now();
  await timed("StopContainer", note, pods.stopContainer({ containerId, timeout: 0n }));
  await timed("StopPodSandbox", note, pods.stopPodSandbox({ podSandboxId }));
  await timed("RemoveContainer", note, pods.removeContainer({ containerId }));
  await timed("RemovePodSandbox", note, pods.removePodSandbox({ podSandboxId }));
  note("down", performance.now() - began);
  await cgroups.remove(pod.cgroup, removeWaitMs);
}

/** Works through `count` things, `atOnce` of them at a time. */
export async function severalAtOnce(
  count: number,
  atOnce: number,
  signal: AbortSignal,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      signal.throwIfAborted();
      await work(next++);
    }
  };
  // All of them, also when one fails: none may go on while things are taken away.
  const ended = await Promise.allSettled(Array.from({ length: atOnce }, worker));
  for (const each of ended) if (each.status === "rejected") throw each.reason;
}
