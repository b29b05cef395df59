import type { Config } from "../config/schema.ts";
import type { Processes } from "../linux/contract.ts";
import { RegistryClient } from "../registry/client.ts";
import { CredentialSources } from "../registry/credential-sources.ts";

/** What talks to registries, as the settings have it. */
export function openRegistry(
  { registry, image, runtime }: Pick<Config, "registry" | "image" | "runtime">,
  processes: Processes,
): RegistryClient {
  const { configPath, credentialsFile, authFiles, pullProgressTimeout } = registry;
  return new RegistryClient({
    configPath,
    credentials: new CredentialSources(
      { own: credentialsFile, others: authFiles },
      { processes, path: runtime.path, env: process.env },
    ),
    maxManifest: image.maxManifest,
    // A connection that stalls is given up early enough for another one to save the pull.
    stall: Math.min(20_000, Math.ceil(pullProgressTimeout / 3)),
    proxyEnv: process.env,
  });
}
