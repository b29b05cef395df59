import { Fault, type FaultKind, faultKind } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import type { ListChangesRequest } from "../changes/list-changes.ts";
import type { CompareRequest, Comparison } from "../compare-contract.ts";
import type { SnapshotUsage } from "../contract.ts";
import type { LayerPath } from "../names.ts";
import type { UnpackJob } from "../unpack/unpack.ts";
import type { UnpackedLayer } from "../unpack-contract.ts";

/** What a worker does on request, in one go: each name with what it takes and what it gives. */
export interface Tasks {
  /** Walks a tree: blocks and inodes, a file with several names once. */
  usage: { takes: { readonly directory: string }; gives: SnapshotUsage };
  /** Removes a tree, whatever is in it; succeeds when it is not there. */
  remove: { takes: { readonly directory: string }; gives: undefined };
  /** Copies a tree with all attributes. `to` must not be there. */
  copy: { takes: { readonly from: string; readonly to: string }; gives: undefined };
  /** Moves a layer's tree, as overlayfs keeps it, into an empty directory. */
  move: { takes: { readonly from: string; readonly to: string }; gives: undefined };
  /** Puts an unpacked ingest in the shape in which it is mounted. */
  settle: { takes: SettleRequest; gives: SnapshotUsage };
  /** Puts an unpacked ingest onto a whole tree. */
  apply: { takes: ApplyRequest; gives: SnapshotUsage };
  /** Counts what is in a tree that is not as in the one that it began with. */
  "usage beyond": { takes: { readonly directory: string; readonly from: string }; gives: SnapshotUsage };
  /** Lists where a container differs from its image. */
  changes: { takes: ListChangesRequest; gives: readonly LayerPath[] };
  /** Compares a mounted layer with the list of its files. */
  compare: { takes: CompareRequest; gives: Comparison };
}

export type TaskName = keyof Tasks;

export interface SettleRequest {
  readonly kind: "overlay" | "native";
  /** The ingest. */
  readonly directory: string;
  /** The trees of the layers below, the nearest first; of native, the parent's whole tree. */
  readonly lowers: readonly string[];
}

export interface ApplyRequest {
  /** The ingest. */
  readonly directory: string;
  /** A copy of the parent's tree. */
  readonly onto: string;
  /** There is no parent. */
  readonly isEmpty: boolean;
}

/** Where the worker finds a layer's blob: a file, whole or as far as it has grown, or a ring into which it is written as it comes. */
export type BlobPlace =
  | { readonly file: string; readonly growth?: SharedArrayBuffer }
  | { readonly ring: SharedArrayBuffer };

/** Numbers tell jobs of a worker apart. */
export type ToWorker =
  | {
      readonly id: number;
      readonly say: "unpack";
      readonly job: UnpackJob;
      readonly from: BlobPlace;
    }
  | { readonly id: number; readonly say: "more" }
  | { readonly id: number; readonly say: "end" }
  | { readonly id: number; readonly say: "abort" }
  | { readonly id: number; readonly say: "task"; readonly name: TaskName; readonly takes: unknown };

export type FromWorker =
  /** Once, before all else: its modules are there. */
  | { readonly say: "loaded" }
  | { readonly id: number; readonly say: "consumed"; readonly bytes: Bytes }
  | {
      readonly id: number;
      readonly say: "done";
      readonly gives: UnpackedLayer | Tasks[TaskName]["gives"];
    }
  | { readonly id: number; readonly say: "failed"; readonly why: readonly FaultData[] };

/** One error of a chain of causes; structured cloning would lose its kind. */
export interface FaultData {
  readonly kind: FaultKind | undefined;
  readonly message: string;
  readonly hint: string | undefined;
}

const maxCauses = 8;

/** The error and its causes, outermost first. */
export function packFault(error: unknown): FaultData[] {
  const packed: FaultData[] = [];
  for (let at = error; at !== undefined && packed.length < maxCauses; ) {
    const fault = at instanceof Fault ? at : undefined;
    const message = at instanceof Error ? at.message : String(at);
    packed.push({ kind: fault?.kind, message, hint: fault?.hint });
    at = at instanceof Error ? at.cause : undefined;
  }
  if (packed[0] !== undefined) packed[0] = { ...packed[0], kind: faultKind(error) };
  return packed;
}

export function unpackFault(packed: readonly FaultData[]): Fault {
  let cause: Error | undefined;
  for (const { kind, message, hint } of packed.toReversed()) {
    const options = { ...(cause === undefined ? {} : { cause }), ...(hint === undefined ? {} : { hint }) };
    cause = kind === undefined ? new Error(message, options) : new Fault(kind, message, options);
  }
  return cause instanceof Fault ? cause : new Fault("internal", "a worker failed", { cause });
}
