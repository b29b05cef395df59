import { existsSync } from "node:fs";
import type { ContainerId } from "../../base/ids.ts";
import type { CreateRequest } from "../contract.ts";
import type { StartedWith } from "../started-with.ts";
import type { Handler } from "./handlers.ts";
import type { ConmonParts } from "./parts.ts";

type HandlerParts = Pick<ConmonParts, "startedWith" | "handlers">;

/**
 * What a container runs with: what it was started with, or, where that is not known, what is configured under the name.
 *
 * @throws {Fault} wrongState when that is configured no longer
 */
export function handlerOf(id: ContainerId, name: string, parts: ConmonParts): Handler {
  return keptHandler(id, parts) ?? parts.handlers.get(name);
}

/** What a container is to be created with: what its pod's own was, where it has one. @throws {Fault} as `handlerOf` */
export function handlerFor(
  { pod, handler }: Pick<CreateRequest, "pod" | "handler">,
  parts: ConmonParts,
): Handler {
  return orItsLike(parts.startedWith.ofPod(pod), parts) ?? parts.handlers.get(handler);
}

/** What a container was started with, as noted. */
export function keptHandler(id: ContainerId, parts: HandlerParts): Handler | undefined {
  return orItsLike(parts.startedWith.of(id), parts);
}

/** Where its program is gone, as after an upgrade that put it elsewhere: another of its kind that has its name now. */
function orItsLike(noted: StartedWith | undefined, { handlers }: HandlerParts): Handler | undefined {
  if (noted?.monitor !== "conmon") return undefined;
  const { handler } = noted;
  if (existsSync(handler.path)) return handler;
  const configured = handlers.find(handler.name);
  return configured?.kind === handler.kind ? configured : handler;
}
