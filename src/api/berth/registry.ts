import type { WalkStep } from "../../registry/walk-step.ts";
import {
  type RegistryLoginRequest,
  type RegistryLoginResponse,
  type RegistryLogoutRequest,
  type RegistryLogoutResponse,
  RegistryOutcome,
  type RegistryStep,
  type TestRegistryRequest,
} from "../../wire/gen/berth.v1.ts";
import { decodeAuth } from "../convert/decode-auth.ts";
import { requireText } from "../convert/field.ts";
import type { RegistryAccess } from "../parts.ts";

/** RPC TestRegistry of berth's own API. */
export async function* testRegistry(
  request: TestRegistryRequest,
  registries: RegistryAccess,
  signal: AbortSignal,
): AsyncGenerator<RegistryStep> {
  const reference = requireText(request.reference, "reference");
  const auth = decodeAuth(request.auth, reference);
  for await (const step of registries.walk(reference, auth, signal)) yield encodeStep(step);
}

const outcomes: Readonly<Record<WalkStep["outcome"], RegistryOutcome>> = {
  ok: RegistryOutcome.REGISTRY_OK,
  failed: RegistryOutcome.REGISTRY_FAILED,
  skipped: RegistryOutcome.REGISTRY_SKIPPED,
  note: RegistryOutcome.REGISTRY_NOTE,
};

function encodeStep({ name, host, outcome, text, facts, took, hint }: WalkStep): RegistryStep {
  const tookNanos = BigInt(Math.round((took ?? 0) * 1e6));
  return { name, host, outcome: outcomes[outcome], text, facts: { ...facts }, tookNanos, hint };
}

/** RPC RegistryLogin of berth's own API. */
export async function registryLogin(
  request: RegistryLoginRequest,
  registries: RegistryAccess,
  signal: AbortSignal,
): Promise<RegistryLoginResponse> {
  const registry = requireText(request.registry, "registry");
  const username = requireText(request.username, "username");
  const password = requireText(request.password, "password");
  const { file, isChecked } = await registries.logIn(registry, { username, password }, signal);
  return { file, checked: isChecked };
}

/** RPC RegistryLogout of berth's own API. */
export async function registryLogout(
  request: RegistryLogoutRequest,
  registries: RegistryAccess,
  signal: AbortSignal,
): Promise<RegistryLogoutResponse> {
  const { file, wasThere } = await registries.logOut(requireText(request.registry, "registry"), signal);
  return { file, removed: wasThere };
}
