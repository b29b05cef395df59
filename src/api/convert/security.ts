import type { SELinuxOptions, SecurityProfile, SupplementalGroupsPolicy } from "../../spec/cri/security.ts";
import * as cri from "../../wire/gen/runtime.v1.ts";
import { enumFrom, numberWithin, wrongField } from "./field.ts";

const policies: Readonly<Record<number, SupplementalGroupsPolicy>> = {
  [cri.SupplementalGroupsPolicy.Merge]: "merge",
  [cri.SupplementalGroupsPolicy.Strict]: "strict",
};

const profileKinds: Readonly<Record<number, SecurityProfile["kind"]>> = {
  [cri.SecurityProfile_ProfileType.RuntimeDefault]: "runtimeDefault",
  [cri.SecurityProfile_ProfileType.Unconfined]: "unconfined",
  [cri.SecurityProfile_ProfileType.Localhost]: "localhost",
};

const policyNumbers: Readonly<Record<SupplementalGroupsPolicy, cri.SupplementalGroupsPolicy>> = {
  merge: cri.SupplementalGroupsPolicy.Merge,
  strict: cri.SupplementalGroupsPolicy.Strict,
};

const profileNumbers: Readonly<Record<SecurityProfile["kind"], cri.SecurityProfile_ProfileType>> = {
  runtimeDefault: cri.SecurityProfile_ProfileType.RuntimeDefault,
  unconfined: cri.SecurityProfile_ProfileType.Unconfined,
  localhost: cri.SecurityProfile_ProfileType.Localhost,
};

/** The largest id; the one above it means "none". */
const lastId = 0xffff_fffe;

export function decodeGroupsPolicy(value: number, field: string): SupplementalGroupsPolicy {
  return enumFrom(value, field, policies);
}

export function encodeGroupsPolicy(policy: SupplementalGroupsPolicy): cri.SupplementalGroupsPolicy {
  return policyNumbers[policy];
}

/** A user or group id. @throws {Fault} invalid */
export function decodeId(value: bigint, field: string): number {
  return numberWithin(value, field, 0, lastId);
}

/** An id that may be absent. @throws {Fault} invalid */
export function decodeOptionalId(value: cri.Int64Value | undefined, field: string): number | undefined {
  return value === undefined ? undefined : decodeId(value.value, field);
}

/**
 * A seccomp or AppArmor profile; `old` is the deprecated field beside it (`runtime/default`, `unconfined`,
 * `localhost/…`), which counts when the new one is absent.
 *
 * @throws {Fault} invalid
 */
export function decodeSecurityProfile(
  profile: cri.SecurityProfile | undefined,
  field: string,
  old: string,
  oldField: string,
): SecurityProfile | undefined {
  if (profile === undefined) return decodeOldProfile(old, oldField);
  const kind = enumFrom(profile.profileType, `${field}.profile_type`, profileKinds);
  if (kind === "localhost") {
    if (profile.localhostRef === "") {
      throw wrongField(`${field}.localhost_ref`, "missing, although profile_type is Localhost");
    }
    // The kubelet gave the old form of the name here, once.
    return { kind, ref: profile.localhostRef.replace(/^localhost\//, "") };
  }
  if (profile.localhostRef !== "") {
    throw wrongField(`${field}.localhost_ref`, "set, although profile_type is not Localhost");
  }
  return { kind };
}

export function encodeSecurityProfile(profile: SecurityProfile | undefined): cri.SecurityProfile | undefined {
  if (profile === undefined) return undefined;
  return {
    profileType: profileNumbers[profile.kind],
    localhostRef: profile.kind === "localhost" ? profile.ref : "",
  };
}

function decodeOldProfile(old: string, field: string): SecurityProfile | undefined {
  if (old === "") return undefined;
  if (old === "runtime/default" || old === "docker/default") return { kind: "runtimeDefault" };
  if (old === "unconfined") return { kind: "unconfined" };
  const ref = old.startsWith("localhost/") ? old.slice("localhost/".length) : "";
  if (ref === "") throw wrongField(field, `"${old}" is no runtime/default, unconfined or localhost/…`);
  return { kind: "localhost", ref };
}

export function decodeSELinuxOptions(options: cri.SELinuxOption | undefined): SELinuxOptions | undefined {
  if (options === undefined) return undefined;
  const { user, role, type, level } = options;
  return user + role + type + level === "" ? undefined : { user, role, type, level };
}
