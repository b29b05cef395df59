import { Fault } from "../base/fault.ts";
import { parseReference, type Reference } from "../spec/reference.ts";
import type { RegistryClient } from "./client.ts";
import type { GivenCredential } from "./credential.ts";
import { drain } from "./redirect.ts";

/** What came of a login. */
export interface LoggedIn {
  /** Where the credential is kept. */
  readonly file: string;
  /** False: the registry asks nobody who they are, so nothing was checked. */
  readonly isChecked: boolean;
}

/** What came of a logout. */
export interface LoggedOut {
  readonly file: string;
  readonly wasThere: boolean;
}

/**
 * Shows a credential to a registry, and keeps it when that takes it.
 *
 * @param name the registry's, perhaps with the path that the credential is for: `registry.example/team`
 * @throws {Fault} invalid for a name that is none; unauthenticated; what the registry's host said
 */
export async function logIn(
  client: RegistryClient,
  name: string,
  given: GivenCredential,
  signal: AbortSignal,
): Promise<LoggedIn> {
  const reference = registryReference(name);
  const file = client.credentialFile;
  const hosts = await client.hosts(reference, given);
  const registry = hosts.findLast(({ session }) => session.host.isRegistry);
  if (registry === undefined) {
    throw new Fault("invalid", `the settings lead to nothing but mirrors of ${reference.host}`, {
      hint: "log in at the mirror by its own name",
    });
  }
  const { session, repository } = registry;
  await repository.atAnyHost(`logging in at ${reference.host}`, "pull", signal, async () => {
    drain((await session.ask("GET", "", { scope: "" }, signal)).answer);
  });
  await file.store(name, given, signal);
  return { file: file.path, isChecked: session.found !== undefined };
}

/** Keeps what was stored for a registry no longer. @throws {Fault} invalid for a name that is none */
export async function logOut(client: RegistryClient, name: string, signal: AbortSignal): Promise<LoggedOut> {
  registryReference(name);
  const file = client.credentialFile;
  return { file: file.path, wasThere: await file.remove(name, signal) };
}

/** Any repository of the registry that `name` is for. */
function registryReference(name: string): Reference {
  const bare = name.replace(/\/+$/, "");
  const [host = ""] = bare.split("/");
  const reference = parseReference(`${bare}/x`);
  if (!/[.:]/.test(host) && host !== "localhost") {
    throw new Fault("invalid", `"${name}" names no registry`, {
      hint: "as in docker.io or registry.example:5000",
    });
  }
  return reference;
}
