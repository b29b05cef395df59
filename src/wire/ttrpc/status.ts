import { describeFault, Fault, type FaultKind, faultKind } from "../../base/fault.ts";
import type { Status } from "../gen/ttrpc.ts";
import { faultKindOf } from "../grpc/fault-of-answer.ts";

/** What a server says went wrong; undefined: nothing. */
export function faultOf(status: Status | undefined): Fault | undefined {
  if (status === undefined || status.code === 0) return undefined;
  return new Fault(faultKindOf(status.code), status.message === "" ? `error ${status.code}` : status.message);
}

/** gRPC's codes, as far as they are told apart: 13 (INTERNAL) for what has none of its own. */
const codes: ReadonlyMap<FaultKind, number> = new Map(
  Array.from({ length: 16 }, (_, index) => [faultKindOf(16 - index), 16 - index] as const),
);

/** What a server's caller is told. */
export function statusOf(error: unknown): Status {
  const kind = faultKind(error);
  return { code: kind === "internal" ? 13 : (codes.get(kind) ?? 13), message: describeFault(error) };
}
