import type { Ms } from "../base/units.ts";
import { isLoopbackHost } from "./reference.ts";

/** What was configured of TLS for one host: absolute paths of PEM files. */
export interface TlsFiles {
  /** Authorities to trust besides the system's. */
  readonly ca?: readonly string[] | undefined;
  readonly client?: readonly { readonly cert: string; readonly key: string }[] | undefined;
  readonly skipVerify?: boolean | undefined;
}

export const hostCapabilities = ["pull", "resolve", "push", "referrers"] as const;
/** What a host may be asked for: blobs and manifests by digest; what a tag means; uploads; what refers to a manifest. */
export type HostCapability = (typeof hostCapabilities)[number];

/** One place to ask for the content of a registry: the registry itself, or a mirror of it. */
export interface RegistryHost {
  /** The API's base, without a slash at the end: `https://registry-1.docker.io/v2`. */
  readonly base: string;
  readonly capabilities: ReadonlySet<HostCapability>;
  readonly tls: TlsFiles;
  /** Sent to this host only. May hold secrets. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** It is the registry that the reference names: a credential for that is for this host. Else, a mirror of it. */
  readonly isRegistry: boolean;
  /** The registry's name, told to hosts of another name as `ns`. */
  readonly namespace: string | undefined;
  /** Where to go if nothing there speaks TLS: only for loopback, when no scheme was configured. */
  readonly plainBase: string | undefined;
  /** How long a connection may take to come about; undefined: as long as an answer may. */
  readonly dialTimeout: Ms | undefined;
}

const allCapabilities: ReadonlySet<HostCapability> = new Set(hostCapabilities);

/** The registry itself, as its name says, without any configuration. */
export function defaultHost(name: string, tls: TlsFiles): RegistryHost {
  const server = name === "docker.io" ? "registry-1.docker.io" : name;
  return {
    base: `https://${server}/v2`,
    capabilities: allCapabilities,
    tls,
    headers: {},
    isRegistry: true,
    namespace: undefined,
    plainBase: isLoopbackHost(server) ? `http://${server}/v2` : undefined,
    dialTimeout: undefined,
  };
}
