import type { Logger } from "pino";
import { Flights } from "../base/flights.ts";
import type { BootId, ContainerId, PodSandboxId } from "../base/ids.ts";
import { KeyedLocks } from "../base/lock.ts";
import type { FaultPort } from "../base/steps.ts";
import type { Ms } from "../base/units.ts";
import { ingestOf } from "../container/checkpoint/unpack-checkpoint.ts";
import { ExitWaits } from "../container/exit-waits.ts";
import type { ContainerBook } from "../container/parts.ts";
import { containerRecords } from "../container/records.ts";
import { snapshotKey } from "../container/snapshot.ts";
import { chainsBelow } from "../container/state.ts";
import type { EventBus } from "../events/bus.ts";
import type { LifecycleEvent } from "../events/lifecycle.ts";
import type { openImages } from "../image/open.ts";
import type { Metadata } from "../metadata/contract.ts";
import { podKey } from "../pod/key.ts";
import type { PodBook } from "../pod/parts.ts";
import { podSandboxRecords } from "../pod/records.ts";

/** What the books of pods and of containers both work with. */
interface BookParts {
  readonly undoDeadline: Ms;
  readonly events: EventBus<LifecycleEvent>;
  readonly faults: FaultPort;
  readonly bootId: BootId;
  readonly log: Logger;
}

/** The containers that are known, and what goes on with them. */
export function openContainerBook(metadata: Metadata, shared: BookParts): ContainerBook {
  const records = containerRecords(metadata);
  return {
    ...shared,
    records,
    byPod: records.index((record) => record.podId),
    locks: new KeyedLocks<ContainerId>(),
    creates: new Flights(),
    starts: new Flights(),
    removes: new Flights(),
    checkpoints: new Flights(),
    podCheckpoints: new Flights(),
    stops: new Map(),
    exits: new ExitWaits(),
    pendingChains: new Map(),
  };
}

/** The pods that are known, and what goes on with them. */
export function openPodBook(metadata: Metadata, shared: BookParts): PodBook {
  const records = podSandboxRecords(metadata);
  return {
    ...shared,
    records,
    byKey: records.index((record) => podKey(record.config)),
    locks: new KeyedLocks<PodSandboxId>(),
    runs: new Flights(),
    stops: new Flights(),
    removes: new Flights(),
    closing: new Set(),
  };
}

/** Which containers keep which snapshots from being collected. */
export function usersOfChains({
  records,
  pendingChains,
}: ContainerBook): Parameters<typeof openImages>[0]["users"] {
  const all = () => [...records.values()];
  return {
    inUse: (chain) => pendingChains.has(chain) || all().some((record) => chainsBelow(record).includes(chain)),
    snapshotsOn: (chain) =>
      all()
        .filter((record) => record.parent === chain)
        .map((record) => snapshotKey(record.id)),
    hasIngest: (ingest) => all().some(({ id }) => ingestOf(id) === ingest),
  };
}
