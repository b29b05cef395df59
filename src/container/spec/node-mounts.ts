import { realpath } from "node:fs/promises";
import { Fault } from "../../base/fault.ts";
import { parseMountText } from "../../config/mount-text.ts";
import type { Config } from "../../config/schema.ts";
import type { OciMount } from "../../spec/oci-runtime.ts";

const zones = "/usr/share/zoneinfo";

/**
 * The mounts that the settings give every container: those listed, and the node's file of the time zone.
 *
 * @throws {Fault} wrongState naming the setting whose file is not there
 */
export async function findNodeMounts({
  mounts,
  timezone,
}: Pick<Config["container"], "mounts" | "timezone">): Promise<OciMount[]> {
  const listed = mounts.map(async (text, index) => {
    const parsed = parseMountText(text);
    if (parsed === undefined) return [];
    const { destination, options } = parsed;
    const source = await found(parsed.source, `container.mounts[${index}]`);
    return [{ destination, type: "bind", source, options: ["rbind", "rprivate", ...options] }];
  });
  return [...(await Promise.all(listed)).flat(), ...(await zoneMount(timezone))];
}

async function zoneMount(timezone: string): Promise<OciMount[]> {
  if (timezone === "") return [];
  const file = timezone === "Local" ? "/etc/localtime" : `${zones}/${timezone}`;
  const source = await found(file, "container.timezone");
  return [{ destination: "/etc/localtime", type: "bind", source, options: ["bind", "rprivate", "ro"] }];
}

async function found(path: string, setting: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    throw new Fault("wrongState", `the setting ${setting}: ${path} can't be used`, { cause });
  }
}
