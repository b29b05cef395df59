import { randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import type { ContainerId, PodSandboxId } from "../../src/base/ids.ts";
import { containerRecords } from "../../src/container/records.ts";
import type { ContainerRecord } from "../../src/container/state.ts";
import { decodeRecord, encodeRecord } from "../../src/metadata/json.ts";
import { openMetadata } from "../../src/metadata/open.ts";
import { podSandboxRecords } from "../../src/pod/records.ts";
import type { PodSandboxRecord } from "../../src/pod/state.ts";
import { ContainerConfig, PodSandboxConfig } from "../../src/wire/gen/runtime.v1.ts";
import type { TestDaemon } from "./daemon.ts";
import { busyboxImage } from "./images.ts";
import { exited, podConfig, runContainer } from "./pods.ts";

/** How many records, as a node has them whose pods have ended. */
export interface Many {
  readonly pods: number;
  /** Containers of each pod. */
  readonly each: number;
}

/** What tells one pod in this many from the others. */
export const tiersCount = 50;

/**
 * Fills the database of a daemon with pods that have ended, and starts it again: one pod is run to its end, its records are
 * written once more for each of the others, under other ids and names, by the code that the daemon writes with. The labels
 * `app` and `tier` (`tier-0` to `tier-49`) are for filters.
 */
export async function fillWithRecords(daemon: TestDaemon, many: Many): Promise<void> {
  const template = await runTemplate(daemon);
  await daemon.stop();
  const metadata = await openMetadata(join(daemon.workspace.root, "berth.db"), { idle: 0 });
  try {
    const pods = podSandboxRecords(metadata);
    const containers = containerRecords(metadata);
    const pod = pods.get(template.pod);
    const container = containers.get(template.container);
    if (pod === undefined || container === undefined) throw new Error("the template was not recorded");
    const written: Promise<void>[] = [];
    for (let index = 0; index < many.pods; index++) {
      const copy = podCopy(pod, index);
      written.push(pods.put(copy.id, copy));
      for (let inside = 0; inside < many.each; inside++) {
        const one = containerCopy(container, copy, inside);
        written.push(containers.put(one.id, one));
      }
    }
    written.push(containers.delete(template.container), pods.delete(template.pod));
    await Promise.all(written);
  } finally {
    await metadata.close();
  }
  await daemon.launch();
}

/** As a kubelet writes them: a list's line of one container is some 900 bytes. */
const containerAnnotations = {
  "io.kubernetes.container.hash": "5c6f0d1a",
  "io.kubernetes.container.ports": '[{"name":"http","containerPort":8080,"protocol":"TCP"}]',
  "io.kubernetes.container.restartCount": "0",
  "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
  "io.kubernetes.container.terminationMessagePolicy": "File",
  "io.kubernetes.pod.terminationGracePeriod": "30",
};

/** A pod's configuration, and one container's, as a kubelet asks for them. */
export function kubeletConfigs(daemon: Pick<TestDaemon, "workspace">, image: string) {
  const pod = PodSandboxConfig.create(podConfig(daemon, "job-template"));
  const labels = {
    "io.kubernetes.pod.name": "job-template",
    "io.kubernetes.pod.namespace": "test",
    "io.kubernetes.pod.uid": pod.metadata?.uid ?? "",
  };
  pod.labels = { ...labels, app: "job", tier: "tier-template" };
  pod.annotations = {
    "kubernetes.io/config.source": "api",
    "kubernetes.io/config.seen": "2026-11-26T00:00:00Z",
  };
  const container = ContainerConfig.create({
    metadata: { name: "main-template", attempt: 0 },
    image: { image, userSpecifiedImage: image },
    command: ["/bin/true"],
    envs: Array.from({ length: 12 }, (_, n) => ({
      key: `SERVICE_${n}_HOST`,
      value: Buffer.from(`10.96.0.${n}`),
    })),
    labels: { ...labels, "io.kubernetes.container.name": "main-template", app: "job", tier: "tier-template" },
    annotations: containerAnnotations,
    logPath: "main/0.log",
  });
  return { pod, container };
}

async function runTemplate(daemon: TestDaemon): Promise<{ pod: PodSandboxId; container: ContainerId }> {
  const { pod: config, container } = kubeletConfigs(daemon, busyboxImage);
  const { podSandboxId } = await daemon.pods.runPodSandbox({ config, runtimeHandler: "" });
  const id = await runContainer(daemon, { id: podSandboxId, config }, { ...container, logPath: "main.log" });
  await exited(daemon, id);
  await daemon.pods.stopPodSandbox({ podSandboxId });
  return { pod: podSandboxId as PodSandboxId, container: id as ContainerId };
}

function podCopy(template: PodSandboxRecord, index: number): PodSandboxRecord {
  return copyOf(template, [
    [template.id, randomBytes(32).toString("hex")],
    [template.config.metadata.uid, randomUUID()],
    ["job-template", `job-${index}`],
    ["tier-template", `tier-${index % tiersCount}`],
  ]);
}

function containerCopy(template: ContainerRecord, pod: PodSandboxRecord, inside: number): ContainerRecord {
  const { name, uid } = pod.config.metadata;
  return copyOf(template, [
    [template.id, randomBytes(32).toString("hex")],
    [template.podId, pod.id],
    [template.config.labels["io.kubernetes.pod.uid"] ?? "", uid],
    ["job-template", name],
    ["main-template", `main-${inside}`],
    ["tier-template", pod.config.labels.tier ?? ""],
  ]);
}

function copyOf<Value>(template: Value, changes: readonly (readonly [from: string, to: string])[]): Value {
  const text = changes.reduce((all, [from, to]) => all.replaceAll(from, to), encodeRecord(template));
  return decodeRecord(text) as Value;
}
