import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerId } from "../../base/ids.ts";
import { innerPidSuffix } from "./exec-command.ts";
import { keptHandler } from "./handler-of.ts";
import { pidIn } from "./monitors.ts";
import type { ConmonParts } from "./parts.ts";
import { killLeftTree } from "./sandbox-processes.ts";

/**
 * Ends the commands in a sandbox's container that an earlier daemon was killed in, by their ids there, which it had noted in the bundle.
 *
 * @throws {Fault} internal with what the runtime said
 */
export async function endLeftInSandbox(
  id: ContainerId,
  parts: ConmonParts,
  signal: AbortSignal,
): Promise<void> {
  const { bundle } = parts.paths.container(id);
  const names = await readdir(bundle).catch(() => []);
  const notes = names.filter((name) => name.endsWith(innerPidSuffix)).map((name) => join(bundle, name));
  if (notes.length === 0) return;
  const handler = keptHandler(id, parts);
  for (const note of notes) {
    const pid = pidIn(note);
    if (handler !== undefined && pid !== undefined)
      await killLeftTree({ id, pid }, handler, parts.host, signal);
    await rm(note, { force: true });
  }
}
