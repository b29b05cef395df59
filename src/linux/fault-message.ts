import { describeFault, Fault, type FaultKind, faultKind } from "../base/fault.ts";

/** A thrown value as it crosses from a worker thread, where a class would be lost. */
export interface FaultMessage {
  readonly kind: FaultKind;
  readonly message: string;
  readonly cause: string | undefined;
  readonly hint: string | undefined;
}

export function toFaultMessage(error: unknown): FaultMessage {
  const { message, cause } = error instanceof Error ? error : { message: String(error), cause: undefined };
  return {
    kind: faultKind(error),
    message,
    cause: cause === undefined ? undefined : describeFault(cause),
    hint: error instanceof Fault ? error.hint : undefined,
  };
}

export function fromFaultMessage({ kind, message, cause, hint }: FaultMessage): Fault {
  return new Fault(kind, message, {
    ...(cause === undefined ? {} : { cause: new Error(cause) }),
    ...(hint === undefined ? {} : { hint }),
  });
}
