/**
 * Starts the command from its bundle (`packaging/install/bundle.ts` makes it). Node's own compile cache would keep
 * compiled code, too, but for each user from their first run on, and in a place that they can write.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { loadCommand } from "./load-command.ts";

/** Where the rest of berth is, from here. */
declare const TREE: string;
/** Each source of the bundle in that tree, and when it was last changed; empty in a tree without sources. */
declare const SOURCES: readonly (readonly [path: string, mtimeMs: number])[];

const tree = join(__dirname, TREE);

function isUpToDate(): boolean {
  return SOURCES.every(
    ([path, mtimeMs]) => statSync(join(tree, path), { throwIfNoEntry: false })?.mtimeMs === mtimeMs,
  );
}

async function start(): Promise<void> {
  if (!isUpToDate()) {
    await import(join(tree, "bin/berth.ts"));
    return;
  }
  const daemon = join(tree, SOURCES.length > 0 ? "src/daemon/main.ts" : ".berth/daemon/serve.js");
  process.exitCode = await loadCommand(__dirname, tree, require).main(process.argv.slice(2), {
    serve: async (readConfig) => (await import(daemon)).serve(readConfig),
  });
}

void start();
