import type { ContainerId } from "../../base/ids.ts";
import { argsOf } from "../../linux/process-args.ts";
import { recordedMonitor } from "./monitors.ts";
import type { ConmonParts } from "./parts.ts";

/** Notes what a container was started with by a berth that did not: its monitor's command line says it, for as long as it runs. */
export function noteUnnoted(
  id: ContainerId,
  { startedWith, handlers, paths }: Pick<ConmonParts, "startedWith" | "handlers" | "paths">,
): void {
  if (startedWith.of(id) !== undefined) return;
  const monitor = recordedMonitor(id, paths);
  const said = monitor === undefined ? "" : argsOf(monitor).join(" ");
  for (const handler of handlers.all()) {
    if (!said.includes(handler.path) || !said.includes(`--root=${handler.root}`)) continue;
    startedWith.note(id, { monitor: "conmon", handler });
    return;
  }
}
