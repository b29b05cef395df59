import { type CheckTable, expect } from "./check-table.ts";
import type { TestNode } from "./node.ts";

/** As much of /stats/summary as is looked at. */
export interface Summary {
  readonly node: {
    readonly fs?: Usage;
    readonly runtime?: { readonly imageFs?: Usage; readonly containerFs?: Usage };
  };
  readonly pods: readonly {
    readonly podRef: { readonly name: string };
    readonly cpu?: { readonly usageCoreNanoSeconds?: number };
    readonly memory?: { readonly workingSetBytes?: number };
    readonly network?: { readonly name?: string; readonly rxBytes?: number; readonly txBytes?: number };
    readonly process_stats?: { readonly process_count?: number };
    readonly containers: readonly {
      readonly name: string;
      readonly cpu?: { readonly usageCoreNanoSeconds?: number };
      readonly memory?: { readonly workingSetBytes?: number };
      readonly rootfs?: Usage;
      readonly logs?: Usage;
    }[];
  }[];
}

interface Usage {
  readonly usedBytes?: number;
  readonly capacityBytes?: number;
}

/** What a container named `worker` wrote into its writable layer, at least. */
const writtenBytes = 2_000_000;

/** The kubelet's own pages show the pods of `lives.ts` by name. */
export async function checkPages({ kubelet }: TestNode, table: CheckTable): Promise<void> {
  const labels = (container: string) =>
    new RegExp(`container="${container}".*namespace="default",pod="whole-`);
  const series = async (page: string, name: string, wanted: RegExp) =>
    (await kubelet.get(page))
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`) && wanted.test(line))
      .map((line) => ({ line, value: Number(/} (\S+)/.exec(line)?.[1]) }));

  await table.eventually("/stats/summary: CPU and memory of pods and containers", 60_000, async () => {
    const { pod, worker } = await ofSummary();
    const seen = [
      pod.cpu?.usageCoreNanoSeconds,
      pod.memory?.workingSetBytes,
      worker?.cpu?.usageCoreNanoSeconds,
    ];
    const all = [...seen, worker?.memory?.workingSetBytes];
    return expect(
      all.every((value) => (value ?? 0) > 0),
      `${all.join(", ")}`,
    );
  });
  await table.eventually("/stats/summary: network and processes of a pod", 60_000, async () => {
    const { network, process_stats } = (await ofSummary()).pod;
    const seen = `${network?.name}: ${network?.rxBytes} in, ${network?.txBytes} out; ${process_stats?.process_count} processes`;
    return expect(
      network?.name === "eth0" && (network.rxBytes ?? 0) > 0 && (process_stats?.process_count ?? 0) > 2,
      seen,
    );
  });
  await table.eventually("/stats/summary: what a container wrote, and its logs", 130_000, async () => {
    const { worker } = await ofSummary();
    const seen = `${worker?.rootfs?.usedBytes} bytes written, logs ${worker?.logs?.usedBytes}`;
    return expect(
      (worker?.rootfs?.usedBytes ?? 0) >= writtenBytes && worker?.logs?.usedBytes !== undefined,
      seen,
    );
  });
  await table.eventually("/stats/summary: the disks of node, images and containers", 10_000, async () => {
    const { fs, runtime } = (await summary()).node;
    const [of, images, layers] = [fs, runtime?.imageFs, runtime?.containerFs].map(
      (at) => at?.capacityBytes ?? 0,
    );
    const seen = `${of}, ${images}, ${layers} bytes; images take ${runtime?.imageFs?.usedBytes}`;
    const isSo = (of ?? 0) > (images ?? 0) && images === layers && (runtime?.imageFs?.usedBytes ?? 0) > 0;
    return expect(isSo, seen);
  });
  await table.eventually("/metrics/resource: CPU and memory of containers and pods", 30_000, async () => {
    const [cpu] = await series("/metrics/resource", "container_cpu_usage_seconds_total", labels("web"));
    const [memory] = await series("/metrics/resource", "pod_memory_working_set_bytes", /pod="whole-/);
    return expect((cpu?.value ?? 0) > 0 && (memory?.value ?? 0) > 0, `${cpu?.line}; ${memory?.line}`);
  });
  for (const [name, container] of [
    ["container_cpu_usage_seconds_total", "web"],
    ["container_memory_working_set_bytes", "sidecar"],
    ["container_fs_usage_bytes", "worker"],
    ["container_network_receive_bytes_total", "POD"],
    ["container_network_transmit_bytes_total", "POD"],
  ] as const) {
    await table.eventually(`/metrics/cadvisor: ${name} of ${container}`, 60_000, async () => {
      const [found] = await series("/metrics/cadvisor", name, labels(container));
      return expect((found?.value ?? 0) > 0, found?.line ?? `there is none with these labels`);
    });
  }

  async function summary(): Promise<Summary> {
    return JSON.parse(await kubelet.get("/stats/summary"));
  }
  async function ofSummary() {
    const { pods } = await summary();
    const pod = pods.find(({ podRef }) => podRef.name.startsWith("whole-"));
    if (pod === undefined) throw new Error(`it has ${pods.map(({ podRef }) => podRef.name).join(", ")}`);
    return { pod, worker: pod.containers.find(({ name }) => name === "worker") };
  }
}
