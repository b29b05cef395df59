import { Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import type { ExecResult } from "../runtime/contract.ts";
import type { ContainerParts } from "./parts.ts";
import type { ContainerRecord } from "./state.ts";
import { requireRunning } from "./streams.ts";

/** What ExecSync is asked for. No timeout: as long as it takes. */
export interface ExecSyncRequest {
  readonly command: readonly string[];
  readonly timeout: Ms | undefined;
}

/** Runs a command in a running container, to its end. @throws {Fault} invalid, wrongState, deadline */
export async function execSync(
  record: ContainerRecord,
  { command, timeout }: ExecSyncRequest,
  { host }: ContainerParts,
  signal: AbortSignal,
): Promise<ExecResult> {
  if (command.length === 0) throw new Fault("invalid", "cmd: missing");
  const { id, handler } = requireRunning(record, "run a command");
  return await host.runtime.execSync(
    { id, handler, command, timeout, maxOutput: host.config.container.execOutputMax },
    signal,
  );
}
