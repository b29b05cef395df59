import { Fault } from "../../base/fault.ts";
import { nearest } from "../../base/nearest.ts";
import type { Apparmor } from "../../linux/contract.ts";
import type { SecurityProfile } from "../../spec/cri/security.ts";

const field = "config.linux.securityContext.apparmor";

/**
 * The AppArmor profile that the container runs under; undefined: none. One that asks for nothing gets the runtime's
 * default where there is one, as with containerd and CRI-O; one that asks for a profile has it or isn't created. A
 * privileged one has none but what it names.
 *
 * @throws {Fault} invalid for a profile that isn't loaded, or that this host can't have; wrongState when the default
 *   can't be loaded
 */
export async function findApparmorProfile(
  wanted: SecurityProfile | undefined,
  privileged: boolean,
  apparmor: Apparmor,
): Promise<string | undefined> {
  if (wanted?.kind === "unconfined") return undefined;
  if (wanted?.kind === "localhost") return findNamed(wanted.ref.replace(/^localhost\//, ""), apparmor);
  return privileged ? undefined : findDefault(wanted !== undefined, apparmor);
}

async function findNamed(name: string, apparmor: Apparmor): Promise<string> {
  const { obstacle } = apparmor;
  if (obstacle !== undefined)
    throw new Fault("invalid", `${field}: profile "${name}" is asked for, but ${obstacle}`);
  if ((await apparmor.provide(name)) === "loaded") return name;
  const loaded = [...(await apparmor.loaded())];
  const meant = nearest(name, loaded);
  throw new Fault("invalid", `${field}: profile "${name}" is not loaded on this node`, {
    hint:
      meant === undefined
        ? "load it there: apparmor_parser --replace FILE; aa-status lists what is loaded"
        : `did you mean "${meant}"? Others are loaded by apparmor_parser --replace FILE`,
  });
}

async function findDefault(isAsked: boolean, apparmor: Apparmor): Promise<string | undefined> {
  const { obstacle, runtimeDefault: name } = apparmor;
  if (name === "unconfined") return undefined;
  if (obstacle !== undefined) {
    if (!isAsked) return undefined;
    throw new Fault("invalid", `${field}: the runtime's default is asked for, but ${obstacle}`);
  }
  const found = await apparmor.provide(name);
  if (found === "loaded") return name;
  if (found === "notLoaded") {
    throw new Fault("wrongState", `the AppArmor profile ${name} is not loaded on this node`, {
      hint: "the setting apparmor.profile names it: load it with apparmor_parser --replace FILE",
    });
  }
  // A node without AppArmor's programs doesn't use it: its pods run as they do with other runtimes.
  if (!isAsked) return undefined;
  throw new Fault(
    "wrongState",
    `${field}: the profile ${name} can't be loaded: there is no apparmor_parser`,
    {
      hint: "install the package apparmor on the node",
    },
  );
}
