import { readFileSync, readlinkSync } from "node:fs";
import type { Config } from "../../../config/schema.ts";
import { processIdentity } from "../../../linux/process-identity.ts";
import type { Leak } from "./leak.ts";
import { namesIn } from "./names-in.ts";
import { type Records, unaccounted } from "./records.ts";

/** Monitors, shims, runtimes and helpers that work below berth's state directory for a pod or container that is over. */
export function leakedProcesses(config: Config, records: Records): Leak[] {
  return namesIn("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const words = commandLine(name);
    // what holds a container's pipes under a shim is told by where it is alone
    const places = words.join(" ") === "sleep infinity" ? [directoryOf(name)] : words;
    const isShim = words.includes("-publish-binary");
    const isOurs = (word: string) =>
      word === config.state || word.startsWith(`${config.state}/`) || (isShim && word === config.grpc.socket);
    if (!places.some(isOurs)) return [];
    const ids = new Set(places.flatMap((word) => word.match(/\b[0-9a-f]{64}\b/g) ?? []));
    const [id] = ids;
    const why = id === undefined ? undefined : unaccounted(records, id, "live");
    if (why === undefined || processIdentity(Number(name)) === undefined) return [];
    return [{ what: "process", where: `pid ${name}`, why: `${words[0]}: ${why}`, remedy: `kill -9 ${name}` }];
  });
}

/** The words of a process' command line; none for a kernel thread or one that is gone. */
function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8")
      .split("\0")
      .filter((word) => word !== "");
  } catch {
    return [];
  }
}

/** Where a process works, which may be gone; empty for one that has ended. */
function directoryOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}
