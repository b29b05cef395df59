import { readFileSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import type { BootId } from "../base/ids.ts";
import type { Ms } from "../base/units.ts";

/**
 * The kernel's random id of this boot: another one says that the machine was started anew since. @throws
 * {Fault} internal
 */
export function currentBootId(): BootId {
  const id = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  if (!/^[0-9a-f-]{36}$/.test(id))
    throw new Fault("internal", `the kernel's boot id is ${JSON.stringify(id)}`);
  return id as BootId;
}

/**
 * When this boot began, in milliseconds since 1970, to the second, by the clock as it goes now. Undefined where the kernel
 * doesn't tell.
 */
export function bootedAt(): Ms | undefined {
  const seconds = /^btime (\d+)$/m.exec(readFileSync("/proc/stat", "latin1"))?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
