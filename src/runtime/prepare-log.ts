import { dirname } from "node:path";
import { Fault } from "../base/fault.ts";
import type { Files } from "../linux/contract.ts";

/** The kubelet's own rotation and the log collectors read as root or as this group. */
const logMode = 0o640;

/** Makes a container's log, which its monitor then writes. @throws {Fault} invalid for a path that conmon can't be told */
export async function prepareLog(path: string, files: Files): Promise<void> {
  if (!path.startsWith("/") || /[:\0\n]/.test(path)) {
    throw new Fault(
      "invalid",
      `log path ${JSON.stringify(path)}: must be absolute, without ":" or a newline`,
    );
  }
  await files.change([
    { change: "makeDirectory", path: dirname(path), mode: 0o755 },
    { change: "beginLog", path, mode: logMode },
  ]);
}
