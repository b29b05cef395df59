import { describeFault } from "../base/fault.ts";

/** How a command or an attachment ended. */
export type Outcome =
  | { readonly kind: "exited"; readonly code: number }
  /** An attachment that is over: how the process ends is told by its container. */
  | { readonly kind: "over" }
  | { readonly kind: "failed"; readonly error: unknown };

/** A `Status` of Kubernetes' meta/v1, as clients from v4.channel.k8s.io on read it from the error channel. */
export function statusOf(outcome: Outcome): string {
  if (outcome.kind === "failed") {
    const message = describeFault(outcome.error);
    const details = { causes: [{ message }] };
    return json({ status: "Failure", message, reason: "InternalError", details, code: 500 });
  }
  if (outcome.kind === "over" || outcome.code === 0) return json({ status: "Success" });
  return json({
    status: "Failure",
    message: `command terminated with non-zero exit code: ${outcome.code}`,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(outcome.code) }] },
  });
}

/** What older clients read there: why it failed; nothing when all went well. */
export function wordsOf(outcome: Outcome): string {
  if (outcome.kind === "failed") return describeFault(outcome.error);
  if (outcome.kind === "over" || outcome.code === 0) return "";
  return `command terminated with non-zero exit code: ${outcome.code}`;
}

function json(status: Record<string, unknown>): string {
  return JSON.stringify({ kind: "Status", apiVersion: "v1", metadata: {}, ...status });
}
