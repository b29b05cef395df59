import type { RegistryAuth } from "../../image/contract.ts";
import { parseReference } from "../../spec/reference.ts";
import type { AuthConfig } from "../../wire/gen/runtime.v1.ts";

/**
 * CRI AuthConfig. Credentials that are said to be for another server than the image's are not used: they would be
 * shown to one that they are not for.
 *
 * @throws {Fault} invalid when `reference` is not one
 */
export function decodeAuth(given: AuthConfig | undefined, reference: string): RegistryAuth | undefined {
  if (given === undefined) return undefined;
  const { username, password, auth, identityToken, registryToken, serverAddress } = given;
  if (username + password + auth + identityToken + registryToken === "") return undefined;
  if (serverAddress !== "" && hostOf(serverAddress) !== hostOf(parseReference(reference).host))
    return undefined;
  return {
    ...(username === "" ? {} : { username }),
    ...(password === "" ? {} : { password }),
    ...(auth === "" ? {} : { auth }),
    ...(identityToken === "" ? {} : { identityToken }),
    ...(registryToken === "" ? {} : { registryToken }),
  };
}

/** `https://index.docker.io/v1/`, as in a docker config file, is `docker.io`. */
function hostOf(server: string): string {
  const host = server.replace(/^https?:\/\//, "").split("/")[0] ?? "";
  return ["index.docker.io", "registry-1.docker.io"].includes(host) ? "docker.io" : host.toLowerCase();
}
