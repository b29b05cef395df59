import type { RuntimeHandlerConfig } from "../config/schema.ts";
import type { HandlerProbe } from "./contract.ts";

/** What makes the sandbox of a handler's pods. @param isNeeded what "auto" comes to: whether its runtime knows pods by one */
export function sandboxerOf(
  { sandboxer }: Pick<RuntimeHandlerConfig, "sandboxer">,
  isNeeded: boolean,
): HandlerProbe["sandboxer"] {
  if (sandboxer === "auto") return isNeeded ? "podsandbox" : undefined;
  return sandboxer === "none" ? undefined : sandboxer;
}
