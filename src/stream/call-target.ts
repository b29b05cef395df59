import type { StreamedProcess } from "../runtime/contract.ts";
import type { StreamedCall, StreamTargets } from "./contract.ts";

/** What starts the command, or joins the process, that a call is about. */
export function callTarget(
  call: Exclude<StreamedCall, { kind: "portForward" }>,
  targets: StreamTargets,
): (signal: AbortSignal) => Promise<StreamedProcess> {
  if (call.kind === "exec") return (signal) => targets.exec(call.id, call.command, call, signal);
  if (call.kind === "copy") return () => targets.copy(call.id, call.copy);
  return (signal) => targets.attach(call.id, call, signal);
}
