import { readlinkSync } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import { basename } from "node:path";
import { mountHolding, parseMountinfo } from "../../linux/mountinfo.ts";

/** What is mounted where `directory` lies, `/dev/vda1`; empty when it can't be told. */
export async function deviceHolding(directory: string): Promise<string> {
  try {
    const [mountinfo, path] = await Promise.all([readFile("/proc/self/mountinfo"), realpath(directory)]);
    return mountHolding(parseMountinfo(mountinfo), path)?.source ?? "";
  } catch {
    return "";
  }
}

/** The names of block devices by their numbers, as cAdvisor labels them: `/dev/vda` for `254:0`. */
export class DeviceNames {
  readonly #known = new Map<string, string>();

  /** A device that has gone, or never had a name, keeps its number. */
  nameOf(number: string): string {
    const known = this.#known.get(number);
    if (known !== undefined) return known;
    const name = deviceOf(number);
    this.#known.set(number, name);
    return name;
  }
}

function deviceOf(number: string): string {
  try {
    // sysfs has `!` where a name has a slash
    return `/dev/${basename(readlinkSync(`/sys/dev/block/${number}`)).replaceAll("!", "/")}`;
  } catch {
    return number;
  }
}
