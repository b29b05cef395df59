import { status } from "@grpc/grpc-js";
import type { Level, Logger } from "pino";
import { describeFault, type FaultKind, faultKind } from "../base/fault.ts";
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

/** Calls that change nothing, which a kubelet repeats all the time. */
const quiet = /^(Version|Status|RuntimeConfig|Info|ImageFsInfo|ExecSync|List.*|Stream.*|.+Sta(tus|ts))$/;

/** The daemon's edge towards gRPC: every failure gets its code and its one line in the log here. */
export function loggingEdge(log: Logger): CallEdge {
  return {
    succeeded(call) {
      log[quiet.test(call.rpc) ? "trace" : "info"](subjectOf(call), "%s", call.rpc);
    },
    failed(call, error) {
      const kind = faultKind(error);
      const message = describeFault(error);
      const level = call.abandoned ? "info" : levelOfKind[kind];
      const fields = kind === "internal" ? { ...subjectOf(call), err: error } : subjectOf(call);
      log[level]({ ...fields, kind }, "%s failed: %s", call.rpc, message);
      return { code: codeOfKind[kind], message };
    },
  };
}

/** Whom a call is about. Picked field by field: requests hold secrets (credentials, environments, commands). */
function subjectOf({ rpc, request, took, abandoned }: EndedCall): Record<string, unknown> {
  const container = textAt(request, "containerId") ?? textAt(request, "config", "metadata", "name");
  const pod =
    textAt(request, "podSandboxId") ??
    textAt(request, "config", "metadata", "uid") ??
    textAt(request, "sandboxConfig", "metadata", "uid");
  const image = textAt(request, "image", "image") ?? textAt(request, "reference");
  return {
    rpc,
    ms: Math.round(took * 10) / 10,
    ...(pod === undefined ? {} : { pod }),
    ...(container === undefined || rpc === "RunPodSandbox" ? {} : { container }),
    ...(rpc === "RunPodSandbox" && container !== undefined ? { name: container } : {}),
    ...(image === undefined ? {} : { image }),
    ...(abandoned ? { abandoned } : {}),
  };
}

function textAt(value: unknown, ...path: string[]): string | undefined {
  let at = value;
  for (const key of path) {
    if (typeof at !== "object" || at === null) return undefined;
    at = (at as Record<string, unknown>)[key];
  }
  return typeof at === "string" && at !== "" ? at : undefined;
}
