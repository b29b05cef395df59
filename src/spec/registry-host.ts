import { isLoopbackHost } from "./reference.ts";

/** What was configured of TLS for one host: absolute paths of PEM files. */
export interface TlsFiles {
  /** Authorities to trust besides the system's. */
  readonly ca?: readonly string[] | undefined;
  readonly client?: readonly { readonly cert: string; readonly key: string }[] | undefined;
  readonly skipVerify?: boolean | undefined;
}

/** What a host may be asked for: blobs and manifests by digest; what a tag means; uploads. */
export type HostCapability = "pull" | "resolve" | "push";

/** One place to ask for the content of a registry: the registry itself, or a mirror of it. */
export interface RegistryHost {
  /** The API's base, without a slash at the end: `https://registry-1.docker.io/v2`. */
  readonly base: string;
  readonly capabilities: ReadonlySet<HostCapability>;
  readonly tls: TlsFiles;
  /** Sent to this host only. May hold secrets. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  /**
   * The name of the registry that it is a mirror of, told to the mirror as `ns`; undefined for the registry
   * itself.
   */
  readonly mirrorOf: string | undefined;
  /** Where to go if nothing there speaks TLS: only for loopback, when no scheme was configured. */
  readonly plainBase: string | undefined;
}

const allCapabilities: ReadonlySet<HostCapability> = new Set(["pull", "resolve", "push"]);

/** The registry itself, as its name says, without any configuration. */
export function defaultHost(name: string, tls: TlsFiles): RegistryHost {
  const server = name === "docker.io" ? "registry-1.docker.io" : name;
  return {
    base: `https://${server}/v2`,
    capabilities: allCapabilities,
    tls,
    headers: {},
    mirrorOf: undefined,
    plainBase: isLoopbackHost(server) ? `http://${server}/v2` : undefined,
  };
}
