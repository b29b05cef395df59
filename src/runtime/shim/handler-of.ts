import { existsSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Paths } from "../../config/paths.ts";
import type { StartedWithNotes } from "../started-with.ts";
import type { ShimHandler } from "./handler.ts";
import { readMarker } from "./marker.ts";
import type { Shims } from "./shims.ts";

/** What it takes to know that. */
export interface HandlerParts {
  readonly paths: Paths;
  /** As they are configured, by name. */
  readonly handlers: ReadonlyMap<string, ShimHandler>;
  readonly startedWith: StartedWithNotes;
}

/**
 * What a container runs with: what it was started with, or, where that is not known, what is configured under its handler's name.
 * Undefined: nothing is.
 */
export function handlerOf(id: ContainerId, parts: HandlerParts, name = ""): ShimHandler | undefined {
  const noted = parts.startedWith.of(id);
  if (noted?.monitor === "shim") return orItsLike(noted.handler, parts);
  return parts.handlers.get(readMarker(id, parts.paths)?.handler ?? name);
}

/** What a container is to be created with: its pod's shim, where that runs, knows its own options alone. @throws {Fault} wrongState */
export function handlerFor(
  group: string | undefined,
  name: string,
  parts: HandlerParts & { readonly shims: Shims },
): ShimHandler {
  const standing = group === undefined ? undefined : parts.shims.standing(group);
  const handler =
    standing?.startedWith === undefined
      ? parts.handlers.get(standing?.handler ?? name)
      : orItsLike(standing.startedWith, parts);
  if (handler !== undefined) return handler;
  throw new Fault("wrongState", `runtime handler "${name}" is not configured`);
}

/** Where its program is gone, as after an upgrade that put it elsewhere: another of its type that has its name now. */
function orItsLike(handler: ShimHandler, { handlers }: HandlerParts): ShimHandler {
  if (existsSync(handler.program)) return handler;
  const configured = handlers.get(handler.name);
  return configured?.type === handler.type ? configured : handler;
}

/** Notes what a container was started with by a berth that did not: its marker has the handler's name. */
export function noteUnnoted(id: ContainerId, parts: HandlerParts): void {
  const marker = readMarker(id, parts.paths);
  const handler = marker && parts.handlers.get(marker.handler);
  if (handler !== undefined && parts.startedWith.of(id) === undefined)
    parts.startedWith.note(id, { monitor: "shim", handler });
}
