import { readFile } from "node:fs/promises";
import { during, Fault } from "../../base/fault.ts";
import type { SecurityProfile } from "../../spec/cri/security.ts";
import type { HostFacts } from "./input.ts";

/** The profile that `runtimeDefault` stands for; the package loads it. */
const defaultProfile = "berth-default";
const loadedProfiles = "/sys/kernel/security/apparmor/profiles";
const field = "config.linux.securityContext.apparmor";

/**
 * The AppArmor profile that the container runs under; undefined: none. On a host without AppArmor the runtime's
 * default is none.
 *
 * @throws {Fault} invalid when a profile is named that isn't loaded, or that the host can't have; wrongState when the
 *   default one isn't loaded on a host with AppArmor
 */
export async function findApparmorProfile(
  wanted: SecurityProfile | undefined,
  privileged: boolean,
  host: Pick<HostFacts, "apparmor">,
): Promise<string | undefined> {
  if (wanted === undefined || wanted.kind === "unconfined") return undefined;
  if (wanted.kind === "runtimeDefault") {
    if (!host.apparmor || privileged) return undefined;
    if ((await readLoaded()).has(defaultProfile)) return defaultProfile;
    throw new Fault("wrongState", `${field}: the profile ${defaultProfile} is not loaded`, {
      hint: "load it with apparmor_parser, or ask for the profile Unconfined",
    });
  }
  const name = wanted.ref.replace(/^localhost\//, "");
  if (!host.apparmor)
    throw new Fault("invalid", `${field}: profile "${name}" is asked for, but this host has no AppArmor`);
  if (!(await readLoaded()).has(name)) {
    throw new Fault("invalid", `${field}: profile "${name}" is not loaded on this host`, {
      hint: "load it with apparmor_parser",
    });
  }
  return name;
}

/** Names of loaded profiles: a line is `name (mode)`. */
async function readLoaded(): Promise<Set<string>> {
  try {
    const lines = (await readFile(loadedProfiles, "utf8")).split("\n");
    return new Set(lines.map((line) => line.replace(/ \([a-z]+\)$/, "")));
  } catch (error) {
    throw during(`reading the loaded AppArmor profiles from ${loadedProfiles}`, error);
  }
}
