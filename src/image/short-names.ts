import { throwIfEnded } from "../base/deadline.ts";
import { describeFault, Fault, faultKind } from "../base/fault.ts";
import { formatReference, type Reference } from "../spec/reference.ts";
import type { RegistryAuth } from "./contract.ts";
import type { ImageParts } from "./parts.ts";

/** What a name came to stand for, and the credential that may be shown there. */
export interface ChosenName {
  readonly reference: Reference;
  readonly auth: RegistryAuth | undefined;
}

/**
 * The first of the candidates that its registry has. Only where it is found counts: an image that is then refused, or
 * does not come, is not looked for elsewhere, where another one may have its name.
 *
 * @throws {Fault} what the last candidate's registry said, with what each said in the message
 */
export async function chooseName(
  candidates: readonly Reference[],
  auth: RegistryAuth | undefined,
  parts: Pick<ImageParts, "registry">,
  signal: AbortSignal,
): Promise<ChosenName> {
  const [only, ...more] = candidates;
  if (only !== undefined && more.length === 0) return { reference: only, auth };
  const said: string[] = [];
  let last: unknown;
  for (const reference of candidates) {
    const here = { reference, auth: authAt(reference, auth) };
    try {
      await requireThere(here, parts, signal);
      return here;
    } catch (error) {
      throwIfEnded(signal, `looking for ${formatReference(reference)}`);
      last = error;
      said.push(`${formatReference(reference)}: ${describeFault(error)}`);
    }
  }
  throw new Fault(faultKind(last), `none of ${candidates.length} registries has it: ${said.join("; ")}`);
}

/** A credential for a name without a registry was looked for as Docker Hub's: the kubelet and Docker do so. */
export function authAt({ host }: Reference, auth: RegistryAuth | undefined): RegistryAuth | undefined {
  return host === "docker.io" ? auth : undefined;
}

async function requireThere(
  { reference, auth }: ChosenName,
  { registry }: Pick<ImageParts, "registry">,
  signal: AbortSignal,
): Promise<void> {
  const repository = await registry.repository(reference, auth);
  const named = reference.digest ?? reference.tag ?? "latest";
  if ((await repository.resolve(named, signal)) === undefined) await repository.manifest(named, signal);
}
