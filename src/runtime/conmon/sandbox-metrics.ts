import { Fault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { CgroupMetrics } from "../../stats/metrics-contract.ts";
import type { RuntimeHost } from "../host.ts";
import type { Handler } from "./handlers.ts";
import { requireRuntime } from "./runtime-command.ts";

/** What runsc's `events --stats` prints, as far as it is more than zeros: nanoseconds and bytes. */
interface Told {
  readonly data?: {
    readonly cpu?: { readonly usage?: { readonly total?: number } };
    readonly memory?: { readonly usage?: { readonly usage?: number } };
    readonly pids?: { readonly current?: number };
  };
}

/**
 * What a container in a sandbox uses, as the sandbox counts it: its cgroup on this host is empty.
 *
 * @throws {Fault} internal with what the runtime said; corrupt
 */
export async function metricsInSandbox(
  id: ContainerId,
  handler: Handler,
  host: Pick<RuntimeHost, "processes">,
  signal: AbortSignal,
): Promise<CgroupMetrics> {
  const { stdout } = await requireRuntime(handler, { args: ["events", "--stats", id] }, host, signal);
  return metricsOf(parsed(Buffer.from(stdout).toString("utf8"), handler));
}

function parsed(text: string, { binary }: Handler): Told {
  try {
    return JSON.parse(text) as Told;
  } catch (error) {
    throw new Fault("corrupt", `${binary} events: ${JSON.stringify(text.slice(0, 200))}`, { cause: error });
  }
}

function metricsOf({ data: { cpu, memory, pids } = {} }: Told): CgroupMetrics {
  const [nanos, bytes, threads] = [cpu?.usage?.total, memory?.usage?.usage, pids?.current];
  const unknown = undefined;
  return {
    figures: {
      cpu: nanos === undefined ? unknown : { usageNanos: BigInt(nanos) },
      memory:
        bytes === undefined
          ? unknown
          : { usage: bytes, workingSet: bytes, rss: bytes, pageFaults: 0, majorPageFaults: 0 },
      processes: threads,
    },
    userSeconds: unknown,
    systemSeconds: unknown,
    periods: unknown,
    throttledPeriods: unknown,
    throttledSeconds: unknown,
    cache: unknown,
    mappedFile: unknown,
    kernelMemory: unknown,
    maxMemory: unknown,
    memoryLimitHits: unknown,
    pageFaults: unknown,
    majorPageFaults: unknown,
    oomKills: unknown,
    threads,
    threadsMax: unknown,
    io: [],
    hugePages: [],
  };
}
