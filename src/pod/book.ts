import { Flights } from "../base/flights.ts";
import type { PodSandboxId } from "../base/ids.ts";
import { KeyedLocks } from "../base/lock.ts";
import type { Metadata } from "../metadata/contract.ts";
import { podKey } from "./key.ts";
import type { PodBook } from "./parts.ts";
import { podSandboxRecords } from "./records.ts";

type Shared = Pick<PodBook, "undoDeadline" | "events" | "faults" | "bootId" | "log">;

/** The pods that are known, and what goes on with them. */
export function openPodBook(metadata: Metadata, shared: Shared): PodBook {
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
