import { resolve } from "node:path";
import { UsageError } from "../usage-error.ts";

/** A side of a copy, as the command line names it. */
export type Place =
  | { readonly kind: "container"; readonly container: string; readonly path: string }
  | { readonly kind: "local"; readonly path: string }
  /** `-`: a tar on standard input or output. */
  | { readonly kind: "tar" };

/** `web:/etc/hosts`, `./file`, `-`. What begins with `/` or `.` is never a container's. */
export function parsePlace(text: string): Place {
  if (text === "-") return { kind: "tar" };
  const colon = text.indexOf(":");
  if (colon < 0 || /^[/.]/.test(text)) return { kind: "local", path: absolute(text) };
  const [container, path] = [text.slice(0, colon), text.slice(colon + 1)];
  if (container === "" || path === "") throw new UsageError(`"${text}": a place in a container is NAME:PATH`);
  return { kind: "container", container, path };
}

/** With the slash, or `/.`, at its end, which says what is meant. */
function absolute(path: string): string {
  if (path === "") throw new UsageError("an empty path names no file");
  const end = /(?:^|\/)\.$/.test(path) ? "/." : path.endsWith("/") ? "/" : "";
  return `${resolve(path)}${end}`;
}
