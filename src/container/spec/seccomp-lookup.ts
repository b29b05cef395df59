import { posix } from "node:path";
import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import type { SecurityProfile } from "../../spec/cri/security.ts";
import { readBoundedFile } from "./bounded-file.ts";
import type { NamedProfile } from "./contract.ts";
import type { HostFacts } from "./input.ts";
import { parseSeccompProfile, type SeccompProfile } from "./seccomp-profile.ts";

export const maxSeccompProfile: Bytes = 1024 * 1024;
const field = "config.linux.securityContext.seccomp";

/** Which seccomp profile a container asks for, and what there is. */
export interface SeccompRequest {
  readonly wanted: SecurityProfile | undefined;
  readonly privileged: boolean;
  readonly host: Pick<HostFacts, "seccomp">;
  /** The path of the profile that `runtimeDefault` stands for. */
  readonly defaultProfile: string;
  /** In the place of none. */
  readonly otherwise?: NamedProfile | undefined;
}

/**
 * The profile that the container runs under; undefined: none. A container that asks for none has none (CRI), and a
 * privileged one never has.
 *
 * @throws {Fault} invalid when the profile is missing or malformed, or the kernel can't filter; wrongState when the
 *   default profile can't be read
 */
export async function findSeccomp(request: SeccompRequest): Promise<SeccompProfile | undefined> {
  const { wanted, privileged, host, defaultProfile, otherwise } = request;
  const asksForNone = wanted === undefined || wanted.kind === "unconfined";
  if (privileged || (asksForNone && otherwise === undefined)) return undefined;
  if (!host.seccomp) throw new Fault("invalid", `${field}: this kernel has no seccomp filters`);
  if (asksForNone) return otherwise && parseForeign(otherwise);
  if (wanted.kind === "runtimeDefault") return readDefault(defaultProfile);
  const path = wanted.ref.replace(/^localhost\//, "");
  if (!posix.isAbsolute(path)) {
    throw new Fault("invalid", `${field}.localhostRef "${wanted.ref}" is not an absolute path`);
  }
  return parseSeccompProfile(await readProfile(path), path);
}

/** Of a profile that isn't the node's: it may name no socket of the node's. */
function parseForeign({ name, text }: NamedProfile): SeccompProfile {
  const profile = parseSeccompProfile(text, name);
  if (profile.listenerPath === undefined) return profile;
  throw new Fault("invalid", `the seccomp profile ${name} has a listenerPath: only one of the node's may`);
}

async function readProfile(path: string): Promise<string> {
  try {
    return await readBoundedFile(path, maxSeccompProfile, `the seccomp profile ${path}`);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault("invalid", `${field}.localhostRef: the profile ${path} can't be read`, { cause: error });
  }
}

async function readDefault(path: string): Promise<SeccompProfile> {
  try {
    return parseSeccompProfile(
      await readBoundedFile(path, maxSeccompProfile, `the seccomp profile ${path}`),
      path,
    );
  } catch (cause) {
    throw new Fault("wrongState", `the default seccomp profile ${path} can't be used`, {
      cause,
      hint: "install golang-github-containers-common, or set container.seccompProfile",
    });
  }
}
