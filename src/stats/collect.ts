import type { ContainerId, PodSandboxId } from "../base/ids.ts";
import { eachInTurn } from "../base/short-turns.ts";
import { nowNanos, type UnixNanos } from "../base/units.ts";
import type { Cgroups, Namespaces } from "../linux/contract.ts";
import type { CgroupFigures, CgroupStats, NetworkCounters } from "./contract.ts";
import { CpuRates } from "./cpu-rate.ts";
import { netDev, parseNetDev, readNetDevOf } from "./network.ts";
import { type CgroupKind, CgroupReader } from "./read-cgroup.ts";

/** Where the figures of a container or pod are found. */
export interface CgroupTarget<Id extends string> {
  readonly id: Id;
  /** A path from the root of the hierarchies. */
  readonly cgroup: string;
}

export interface PodTarget extends CgroupTarget<PodSandboxId> {
  /** The pinned network namespace; undefined for a pod in the node's. */
  readonly netns: string | undefined;
  /**
   * Processes that may live in it, such as the containers' inits: with one, no thread has to enter the
   * namespace.
   */
  readonly pids: readonly number[];
}

export interface CgroupReading {
  readonly cgroup: CgroupStats;
  /** CPU nanoseconds a second, since the reading before; absent at the first. */
  readonly usageNanoCores?: bigint;
}

export interface NetworkReading {
  readonly at: UnixNanos;
  readonly interfaces: readonly NetworkCounters[];
}

export interface PodReading extends CgroupReading {
  readonly network?: NetworkReading;
}

export interface StatsParts {
  readonly cgroups: Pick<Cgroups, "version" | "directories">;
  readonly namespaces: Pick<Namespaces, "readWithin">;
}

/** Reads figures of many containers and pods, in short turns of the main thread. What is gone is left out. */
export class StatsCollector {
  readonly #namespaces: StatsParts["namespaces"];
  readonly #cgroups: CgroupReader;
  readonly #containerRates = new CpuRates<ContainerId>();
  readonly #podRates = new CpuRates<PodSandboxId>();

  constructor(parts: StatsParts) {
    this.#namespaces = parts.namespaces;
    this.#cgroups = new CgroupReader(parts.cgroups);
  }

  /** @throws {Fault} deadline or cancelled */
  async containers(
    targets: readonly CgroupTarget<ContainerId>[],
    signal: AbortSignal,
  ): Promise<Map<ContainerId, CgroupReading>> {
    const readings = new Map<ContainerId, CgroupReading>();
    await eachInTurn(targets, signal, (target) => {
      const reading = this.#read(target, "container", this.#containerRates);
      if (reading !== undefined) readings.set(target.id, reading);
    });
    return readings;
  }

  /** The same of a container whose figures somebody else told just now. */
  told(id: ContainerId, figures: CgroupFigures): CgroupReading {
    const cgroup = { at: nowNanos(), ...figures };
    return withRate(cgroup, this.#containerRates.rate(id, cgroup, process.hrtime.bigint()));
  }

  /** The same of a pod whose sandbox is not in its cgroup. */
  toldOfPod(id: PodSandboxId, figures: CgroupFigures): CgroupReading {
    const cgroup = { at: nowNanos(), ...figures };
    return withRate(cgroup, this.#podRates.rate(id, cgroup, process.hrtime.bigint()));
  }

  /** @throws {Fault} deadline or cancelled */
  async pods(targets: readonly PodTarget[], signal: AbortSignal): Promise<Map<PodSandboxId, PodReading>> {
    const readings = new Map<PodSandboxId, PodReading>();
    const networks: Promise<void>[] = [];
    await eachInTurn(targets, signal, (target) => {
      const reading = this.#read(target, "pod", this.#podRates);
      if (reading === undefined) return;
      readings.set(target.id, reading);
      const add = (network: NetworkReading) => readings.set(target.id, { ...reading, network });
      networks.push(this.#readNetwork(target, add));
    });
    await Promise.all(networks);
    return readings;
  }

  /** The networks alone, of those pods that have their own. @throws {Fault} deadline or cancelled */
  async networks(
    targets: readonly Omit<PodTarget, "cgroup">[],
    signal: AbortSignal,
  ): Promise<Map<PodSandboxId, NetworkReading>> {
    const readings = new Map<PodSandboxId, NetworkReading>();
    const networks: Promise<void>[] = [];
    await eachInTurn(targets, signal, (target) => {
      networks.push(this.#readNetwork(target, (network) => readings.set(target.id, network)));
    });
    await Promise.all(networks);
    return readings;
  }

  #read<Id extends string>(
    target: CgroupTarget<Id>,
    kind: CgroupKind,
    rates: CpuRates<Id>,
  ): CgroupReading | undefined {
    const at = process.hrtime.bigint();
    const cgroup = this.#cgroups.read(target.cgroup, kind);
    if (cgroup === undefined) return undefined;
    return withRate(cgroup, rates.rate(target.id, cgroup, at));
  }

  async #readNetwork(
    { netns, pids }: Omit<PodTarget, "cgroup">,
    add: (network: NetworkReading) => void,
  ): Promise<void> {
    if (netns === undefined) return;
    const at = nowNanos();
    let text = readNetDevOf(pids, netns);
    if (text === undefined) {
      // A pod that stops meanwhile has no network any more; its other figures stand.
      [text] = await this.#namespaces.readWithin(netns, [netDev]).catch(() => [undefined]);
    }
    if (text !== undefined) add({ at, interfaces: parseNetDev(text) });
  }
}

function withRate(cgroup: CgroupStats, usageNanoCores: bigint | undefined): CgroupReading {
  return usageNanoCores === undefined ? { cgroup } : { cgroup, usageNanoCores };
}
