import { Flights } from "../base/flights.ts";
import type { ContainerId } from "../base/ids.ts";
import { KeyedLocks } from "../base/lock.ts";
import type { Metadata } from "../metadata/contract.ts";
import { ExitWaits } from "./exit-waits.ts";
import type { ContainerBook } from "./parts.ts";
import { containerRecords } from "./records.ts";
import { RefusedCalls } from "./refused-calls.ts";

type Shared = Pick<ContainerBook, "undoDeadline" | "events" | "faults" | "bootId" | "log">;

/** The containers that are known, and what goes on with them. */
export function openContainerBook(metadata: Metadata, shared: Shared): ContainerBook {
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
    refusedCalls: new RefusedCalls(),
    evictions: new Map(),
    pendingChains: new Map(),
  };
}
