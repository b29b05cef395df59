import { readdirSync, readFileSync } from "node:fs";

const monitorNames = /^(?:conmon|containerd-shim)/;

/** The processes of conmon's and of shims that were started for one of these pods or containers. */
export function monitorsOf(ids: ReadonlySet<string>): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => monitorNames.test(read(pid, "comm")))
    .filter((pid) =>
      read(pid, "cmdline")
        .split("\0")
        .some((word) => ids.has(word)),
    );
}

/** Empty for one that has ended. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
