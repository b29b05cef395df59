import type { Bytes } from "../../base/units.ts";
import type { Containers } from "../../container/contract.ts";
import type { ExecSyncRequest, ExecSyncResponse } from "../../wire/gen/runtime.v1.ts";
import { refuseNul, requireText, wrongField } from "../convert/field.ts";
import { msFromSeconds } from "../convert/seconds.ts";

/** What the answer holds beside the output. */
const envelope: Bytes = 64;

/**
 * RPC ExecSync. The output is cut, stderr first, to what fits into one message of `maxMessage` bytes.
 *
 * @throws {Fault} deadline when the timeout has passed and every process of the command was killed
 */
export async function execSync(
  request: ExecSyncRequest,
  containers: Containers,
  maxMessage: Bytes,
  signal: AbortSignal,
): Promise<ExecSyncResponse> {
  const id = requireText(request.containerId, "container_id");
  if (request.cmd.length === 0) throw wrongField("cmd", "missing");
  refuseNul(request.cmd, "cmd");
  const timeout = msFromSeconds(request.timeout, "timeout");
  const result = await containers.execSync(id, request.cmd, timeout === 0 ? undefined : timeout, signal);
  const stdout = result.stdout.subarray(0, maxMessage - envelope);
  return {
    stdout,
    stderr: result.stderr.subarray(0, maxMessage - envelope - stdout.length),
    exitCode: result.exitCode,
  };
}
