import { access, readFile } from "node:fs/promises";
import { during } from "../../base/fault.ts";

const enabledFile = "/sys/module/apparmor/parameters/enabled";
const securityfs = "/sys/kernel/security";
/** Where the kernel shows its profiles. */
export const apparmorDirectory = `${securityfs}/apparmor`;

/** Why nothing can be confined by AppArmor here; undefined: it can. */
export async function apparmorObstacle(): Promise<string | undefined> {
  const enabled = await isEnabled();
  if (enabled === undefined) return "this kernel has no AppArmor";
  if (!enabled) return "AppArmor is off in this kernel";
  const isShown = await access(apparmorDirectory).then(
    () => true,
    () => false,
  );
  if (!isShown) return `securityfs is not mounted at ${securityfs}`;
  // What systemd and container engines set for the programs in a container, where profiles are those of the machine around it.
  return process.env.container ? "berth itself runs in a container" : undefined;
}

/**
 * The modes (`enforce`, `complain`, …) of all loaded profiles by their names.
 *
 * @throws {Fault} when they can't be read
 */
export async function readLoadedProfiles(): Promise<ReadonlyMap<string, string>> {
  const path = `${apparmorDirectory}/profiles`;
  try {
    return parseLoadedProfiles(await readFile(path, "utf8"));
  } catch (error) {
    throw during(`reading the loaded AppArmor profiles from ${path}`, error);
  }
}

/** Lines of `name (mode)`; names may have spaces and brackets themselves. */
export function parseLoadedProfiles(text: string): ReadonlyMap<string, string> {
  const profiles = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, name, mode] = /^(.+) \(([a-z]+)\)$/.exec(line) ?? [];
    if (name !== undefined && mode !== undefined) profiles.set(name, mode);
  }
  return profiles;
}

/** What confines a process: `unconfined`, or `name (mode)`; undefined where AppArmor doesn't say. */
export async function readLabel(pid: number | "self"): Promise<string | undefined> {
  const attributes = `/proc/${pid}/attr`;
  const label =
    (await readFile(`${attributes}/apparmor/current`, "utf8").catch(() => undefined)) ??
    // Kernels before 5.8 have one file for all security modules.
    ((await isEnabled())
      ? await readFile(`${attributes}/current`, "utf8").catch(() => undefined)
      : undefined);
  return label?.replace(/[\n\0]+$/, "");
}

/** Undefined: the kernel knows no AppArmor. */
async function isEnabled(): Promise<boolean | undefined> {
  const said = await readFile(enabledFile, "utf8").catch(() => undefined);
  return said === undefined ? undefined : said.trim() === "Y";
}
