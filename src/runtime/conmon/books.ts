import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { ContainerId } from "../../base/ids.ts";
import { type Handler, runsOnHost } from "./handlers.ts";

/** What a runtime keeps of a container in its root: crun and runc a directory, runsc files that name its sandbox, too. */
export function booksOf(id: ContainerId, handler: Handler): string[] {
  const { root } = handler;
  if (runsOnHost(handler)) return [join(root, id)].filter((path) => existsSync(path));
  try {
    return readdirSync(root)
      .filter((name) => idOfBook(name) === id)
      .map((name) => join(root, name));
  } catch {
    return []; // it has had no container yet
  }
}

/** The id in the name of such a book: all of it, or what comes before `_sandbox:<id>.state`. */
export function idOfBook(name: string): string {
  return name.split("_sandbox:", 1)[0] ?? name;
}
