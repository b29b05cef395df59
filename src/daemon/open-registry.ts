import type { Config } from "../config/schema.ts";
import type { Processes } from "../linux/contract.ts";
import { RegistryClient, type RegistryRules } from "../registry/client.ts";
import { CredentialSources } from "../registry/credential-sources.ts";

type RegistryConfig = Pick<Config, "registry" | "image" | "runtime">;

/** What talks to registries, as the settings have it. */
export function openRegistry(config: RegistryConfig, processes: Processes): RegistryClient {
  return new RegistryClient({
    ...registryRules(config, processes),
    maxManifest: config.image.maxManifest,
    // A connection that stalls is given up early enough for another one to save the pull.
    stall: Math.min(20_000, Math.ceil(config.registry.pullProgressTimeout / 3)),
    connectionsPerHost: config.registry.maxConnectionsPerHost,
    connectionsPerLayer: config.registry.maxConnectionsPerLayer,
    proxyEnv: process.env,
  });
}

/** What of the settings counts from the next pull on when they are read again. */
export function registryRules({ registry, runtime }: RegistryConfig, processes: Processes): RegistryRules {
  const { configPath, credentialsFile, authFiles, searchRegistries, shortNameMode, aliases, blocked } =
    registry;
  return {
    configPath,
    credentials: new CredentialSources(
      { own: credentialsFile, others: authFiles },
      { processes, path: runtime.path, env: process.env },
    ),
    shortNames: { search: searchRegistries, aliases, mode: shortNameMode },
    blocked,
  };
}
