import { readFileSync, writeFileSync } from "node:fs";
import type { Paths } from "../../config/paths.ts";
import { SandboxService } from "../../wire/gen/sandbox.v1.ts";
import { TaskService } from "../../wire/gen/task.v2.ts";
import { TtrpcClient } from "../../wire/ttrpc/client.ts";
import type { TtrpcCalls } from "../../wire/ttrpc/method.ts";
import type { ProcessIdentity } from "../contract.ts";
import type { ShimAddress } from "./bootstrap.ts";
import type { ShimHandler } from "./handler.ts";

/** A shim that was started. Recorded, so that a restarted daemon finds it again. */
export interface ShimRecord extends ShimAddress {
  readonly group: string;
  readonly handler: string;
  /** Absent: an earlier berth started it, which recorded the name alone. */
  readonly startedWith?: ShimHandler;
  readonly process: ProcessIdentity;
}

/** A shim that answers. */
export interface Shim extends ShimRecord {
  readonly calls: TtrpcCalls<typeof TaskService>;
  /** Not every shim has them: unimplemented. */
  readonly sandboxes: TtrpcCalls<typeof SandboxService>;
  /** Of a service that no shim has: each that runs says so. */
  readonly nobody: Pick<TtrpcCalls<typeof TaskService>, "connect">;
  readonly client: TtrpcClient;
}

export function readShimRecord(group: string, paths: Paths): ShimRecord | undefined {
  try {
    return JSON.parse(readFileSync(paths.shim(group).record, "utf8")) as ShimRecord;
  } catch {
    return undefined; // it was never started, or its daemon was killed in that
  }
}

export function writeShimRecord(record: ShimRecord, paths: Paths): void {
  writeFileSync(paths.shim(record.group).record, JSON.stringify(record), { mode: 0o600 });
}

/** @throws {Fault} unavailable when it does not answer; as `signal` says */
export async function connectShim(
  address: ShimAddress,
  signal: AbortSignal,
): Promise<Pick<Shim, "calls" | "sandboxes" | "nobody" | "client">> {
  const client = await TtrpcClient.connect(address.socket, signal);
  const calls = client.calls(TaskService, `containerd.task.v${address.version}.Task`);
  const nobody = client.calls(TaskService, "berth.nobody.v1.Nobody");
  return { client, calls, nobody, sandboxes: client.calls(SandboxService) };
}
