import { Fault } from "../base/fault.ts";
import type { StreamedProcess, WantedStreams } from "../runtime/contract.ts";
import type { ContainerParts } from "./parts.ts";
import type { ContainerRecord } from "./state.ts";

/** Starts a command in a running container, its stdio in the caller's hands. @throws {Fault} wrongState */
export async function execStream(
  record: ContainerRecord,
  command: readonly string[],
  wanted: WantedStreams,
  { host }: ContainerParts,
  signal: AbortSignal,
): Promise<StreamedProcess> {
  requireRunning(record, "run a command");
  const { id, handler } = record;
  return await host.runtime.execStream({ id, handler, command, ...wanted }, signal);
}

/** Joins the stdio of a running container. @throws {Fault} wrongState */
export async function attach(
  record: ContainerRecord,
  wanted: WantedStreams,
  { host }: ContainerParts,
  signal: AbortSignal,
): Promise<StreamedProcess> {
  requireRunning(record, "be attached to");
  return await host.runtime.attach({ id: record.id, ...wanted }, signal);
}

/** The same record. @throws {Fault} wrongState */
export function requireRunning(record: ContainerRecord, what: string): ContainerRecord {
  if (record.state.kind === "running") return record;
  throw new Fault("wrongState", `container ${record.id} can't ${what}: it is ${record.state.kind}`);
}
