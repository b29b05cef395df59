import { status } from "@grpc/grpc-js";
import type { Level, Logger } from "pino";
import { describeFault, type FaultKind, type FaultReason, faultKind, faultReason } from "../base/fault.ts";
import { failedStep } from "../base/steps.ts";
import type { Ms } from "../base/units.ts";
import { remedyBehind } from "../linux/remedy.ts";
import type { CallEdge, EndedCall } from "../wire/grpc/handle-call.ts";

/** The gRPC code of each kind of Fault. Nothing else in the daemon knows these codes. */
const codeOfKind: Readonly<Record<FaultKind, status>> = {
  invalid: status.INVALID_ARGUMENT,
  notFound: status.NOT_FOUND,
  alreadyExists: status.ALREADY_EXISTS,
  wrongState: status.FAILED_PRECONDITION,
  unauthenticated: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  exhausted: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  deadline: status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  unimplemented: status.UNIMPLEMENTED,
  corrupt: status.DATA_LOSS,
  internal: status.INTERNAL,
};

/** What the kubelet looks for at the beginning of a message (cri-api, pkg/errors). */
const wordOfReason: Readonly<Record<FaultReason, string>> = {
  imageVolume: "ImageVolumeMountFailed",
  recursiveReadOnly: "RROUnsupported",
  signatureValidation: "SignatureValidationFailed",
};

/**
 * Reasons that the kubelet knows by the beginning of a pull's error, before which it writes every code but UNKNOWN
 * (cri-client, PullImage).
 */
const codeless: readonly FaultReason[] = ["signatureValidation"];

/** How loud a failure is: loudest where an operator has something to do, quiet where asking was the way to find out. */
const levelOfKind: Readonly<Record<FaultKind, Level>> = {
  invalid: "warn",
  notFound: "debug",
  alreadyExists: "warn",
  wrongState: "warn",
  unauthenticated: "warn",
  forbidden: "warn",
  exhausted: "error",
  unavailable: "error",
  deadline: "warn",
  cancelled: "info",
  unimplemented: "debug",
  corrupt: "error",
  internal: "error",
};

/** A program that failed for want of space says so in its own words, if at all. */
const mayBeTheDisk: readonly FaultKind[] = ["exhausted", "unavailable", "internal"];

/** Calls that change nothing, which a kubelet repeats all the time. */
const quiet = /^(Version|Status|RuntimeConfig|Info|ImageFsInfo|ExecSync|List.*|Stream.*|.+Sta(tus|ts))$/;

/** Who is told of every call that has ended, besides the log. */
export interface CallObserver {
  succeeded(operation: string, took: Ms): void;
  /** `step`: the step of the operation that failed, where one did. */
  failed(operation: string, took: Ms, kind: FaultKind, step: string | undefined): void;
}

/**
 * The daemon's edge towards gRPC: every failure gets its code and its one line in the log here.
 *
 * @param directories that the daemon and the programs that it starts write to: where one is full, a failure says so
 */
export function loggingEdge(
  log: Logger,
  observer: CallObserver | undefined,
  directories: readonly string[],
): CallEdge {
  return {
    succeeded(call) {
      observer?.succeeded(call.rpc, call.took);
      log[quiet.test(call.rpc) ? "trace" : "info"](subjectOf(call), "%s", call.rpc);
    },
    failed(call, error) {
      const kind = faultKind(error);
      const step = failedStep(error);
      observer?.failed(call.rpc, call.took, kind, step);
      const remedy = mayBeTheDisk.includes(kind) ? remedyBehind(error, directories) : undefined;
      const message = describeFault(error) + (remedy === undefined ? "" : ` (${remedy})`);
      const level = call.abandoned ? "info" : levelOfKind[kind];
      const fields = { ...subjectOf(call), ...(step === undefined ? {} : { step }), kind };
      log[level](
        kind === "internal" ? { ...fields, err: error } : fields,
        "%s failed: %s",
        call.rpc,
        message,
      );
      const reason = faultReason(error);
      if (reason === undefined) return { code: codeOfKind[kind], message };
      const code = codeless.includes(reason) ? status.UNKNOWN : codeOfKind[kind];
      return { code, message: `${wordOfReason[reason]}: ${message}` };
    },
  };
}

/** Whom a call is about. Picked field by field: requests hold secrets (credentials, environments, commands). */
function subjectOf({ rpc, request, response, took, abandoned }: EndedCall): Record<string, unknown> {
  const made = (field: string, by: string) => (rpc === by ? textAt(response, field) : undefined);
  const fields = {
    operation: rpc,
    ms: took,
    pod: textAt(request, "podSandboxId") ?? made("podSandboxId", "RunPodSandbox"),
    container: textAt(request, "containerId") ?? made("containerId", "CreateContainer"),
    name: textAt(request, "config", "metadata", "name"),
    namespace: textAt(request, "config", "metadata", "namespace"),
    uid: textAt(request, "config", "metadata", "uid"),
    image: textAt(request, "image", "image") ?? textAt(request, "reference"),
    abandoned: abandoned || undefined,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function textAt(value: unknown, ...path: string[]): string | undefined {
  let at = value;
  for (const key of path) {
    if (typeof at !== "object" || at === null) return undefined;
    at = (at as Record<string, unknown>)[key];
  }
  return typeof at === "string" && at !== "" ? at : undefined;
}
