import { type Command, InvalidArgumentError } from "commander";
import type { Bytes } from "../base/units.ts";
import { LinuxContainerResources } from "../wire/gen/runtime.v1.ts";
import type { Define } from "./context.ts";
import { findContainer } from "./find.ts";
import { forEach } from "./for-each.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, orNone, parseAmount, parseCount, parseSize, unlimited } from "./options.ts";
import { UsageError } from "./usage-error.ts";

interface UpdateOptions {
  readonly cpus?: number;
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpuShare?: number;
  readonly cpuRequest?: number;
  readonly memory?: Bytes;
  readonly memorySwap?: Bytes;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly oomScoreAdj?: number;
}

const cpuPeriodUs = 100_000;
/** What a core's request is worth (Kubernetes: milliCPU to shares), and the least that the kernel takes. */
const sharesOfCore = 1024;
const leastShares = 2;

/** `berth update`: gives containers other limits while they run. */
export const defineUpdate: Define = (command, context) => {
  addManual(command, {
    description:
      "Gives containers other limits while they run: all that are named, or none. What is not named stays as " +
      "it is; `none` lifts a limit. A memory limit below what the container uses is refused. `berth inspect` " +
      "shows what is in force.\n\n" +
      "A kubelet goes on to know the limits of the pod's spec: on its containers, use `kubectl patch " +
      "--subresource resize`.",
    examples: [
      ["berth update --cpus 0.5 -m 128m web", "Half a core and 128 MiB."],
      ["berth update --cpu-request 0.25 web", "Sure of a quarter of a core where others want it, too."],
      ["berth update -m 1g --memory-swap 1.5g web", "1 GiB of memory, and half of one of swap."],
      ["berth update --cpus none web", "As much CPU as there is."],
      ["berth update --cpuset-cpus 0-1 web", "Only on the first two cores."],
    ],
  });
  addLimits(addConnection(command))
    .argument("<container...>", "ids, prefixes of ids, or names")
    .action(async (wanted: string[], options: UpdateOptions) => {
      const linux = resources(options);
      const runtime = await context.connect(command);
      await forEach(wanted, async (name) => {
        const { id: containerId } = await findContainer(runtime, name);
        await runtime.pods.updateContainerResources({ containerId, linux });
        process.stdout.write(`${name}\n`);
      });
    });
};

function addLimits(command: Command): Command {
  return command
    .option("--cpus <cores>", "how much CPU it may use, as in 0.5; or none", orNone(parseAmount))
    .option("--cpu-request <cores>", "its weight beside other containers, as in 0.5", parseAmount)
    .option("--cpu-period <us>", "the time, in microseconds, that a quota is for", parseCount)
    .option("--cpu-quota <us>", "CPU time, in microseconds, in each period; or none", orNone(parseCount))
    .option("--cpu-share <shares>", "its weight beside other containers", parseCount)
    .option("-m, --memory <size>", "how much memory it may use, as in 64m; or none", orNone(parseSize))
    .option("--memory-swap <size>", "how much memory and swap together; or none", orNone(parseSize))
    .option("--cpuset-cpus <list>", "cores that it may run on, as in 0-3,8")
    .option("--cpuset-mems <list>", "memory nodes that it may use")
    .option("--oom-score-adj <score>", "-1000 to 1000: how soon the kernel kills it for memory", parseScore);
}

/** @throws {UsageError} when nothing is to be changed, or cores are told in two ways */
function resources(options: UpdateOptions): LinuxContainerResources {
  const { cpus, cpuPeriod, cpuQuota, cpuRequest, cpuShare, memory, memorySwap } = options;
  const { cpusetCpus, cpusetMems, oomScoreAdj } = options;
  if (cpus !== undefined && (cpuPeriod !== undefined || cpuQuota !== undefined)) {
    throw new UsageError("--cpus is a quota and a period: give it alone");
  }
  if (cpuRequest !== undefined && cpuShare !== undefined) {
    throw new UsageError("--cpu-request and --cpu-share are the same: give one of them");
  }
  const quota =
    cpus === undefined || cpus === unlimited ? (cpus ?? cpuQuota) : Math.round(cpus * cpuPeriodUs);
  const period = cpus === undefined || cpus === unlimited ? cpuPeriod : cpuPeriodUs;
  const shares =
    cpuRequest === undefined ? cpuShare : Math.max(leastShares, Math.floor(cpuRequest * sharesOfCore));
  const changes = {
    cpuPeriod: long(period),
    cpuQuota: long(quota),
    cpuShares: long(shares),
    memoryLimitInBytes: long(memory),
    memorySwapLimitInBytes: long(memorySwap),
    oomScoreAdj: long(oomScoreAdj),
    cpusetCpus,
    cpusetMems,
  };
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  if (given.length === 0) throw new UsageError("say what to change, as in --memory 64m");
  return LinuxContainerResources.create(Object.fromEntries(given));
}

function long(value: number | undefined): bigint | undefined {
  return value === undefined ? undefined : BigInt(value);
}

/** @throws {InvalidArgumentError} */
function parseScore(text: string): number {
  const score = Number(text);
  if (!/^-?\d+$/.test(text) || Math.abs(score) > 1000) {
    throw new InvalidArgumentError("must be a whole number from -1000 to 1000");
  }
  return score;
}
