import { Fault } from "../base/fault.ts";
import type { Bytes, Ms } from "../base/units.ts";
import { ruleFor } from "../spec/blocked.ts";
import { formatReference, type Reference } from "../spec/reference.ts";
import type { RegistryHost } from "../spec/registry-host.ts";
import { readRegistryHosts } from "../spec/registry-hosts-file.ts";
import { candidatesOf, type ShortNames, usualShortNames } from "../spec/short-names.ts";
import { type BackOff, defaultBackOff } from "./back-off.ts";
import { HostConnections } from "./connections.ts";
import { type Credential, type GivenCredential, readCredential } from "./credential.ts";
import type { CredentialFile } from "./credential-file.ts";
import type { CredentialSources, FoundCredential } from "./credential-sources.ts";
import { type HealthLimits, HostHealth } from "./host-health.ts";
import { type CredentialLookup, HostSession } from "./host-session.ts";
import { RemoteRepository } from "./repository.ts";
import { TokenCache } from "./tokens.ts";
import type { Tell } from "./trace.ts";
import { Transport } from "./transport.ts";

/** What may change while the client is used. */
export interface RegistryRules {
  /** Where `<host>/hosts.toml` lie. Read anew for each pull. */
  readonly configPath: string;
  /** Where credentials are looked for that no call gives; absent: nowhere. */
  readonly credentials?: CredentialSources;
  /** What names without a registry mean; absent: what Docker's users expect. */
  readonly shortNames?: ShortNames;
  /** Names that are refused, as `ruleFor` reads them. */
  readonly blocked?: readonly string[];
}

export interface RegistryOptions extends RegistryRules {
  /** Of a manifest, an index or a config. */
  readonly maxManifest: Bytes;
  /**
   * A connection on which nothing comes for so long is given up, and the rest asked for again. 20 s unless
   * said.
   */
  readonly stall?: Ms;
  readonly backOff?: BackOff;
  readonly health?: HealthLimits;
  /** For blobs, from all pulls together: 12 unless said. */
  readonly connectionsPerHost?: number;
  /** 4 unless said. */
  readonly connectionsPerLayer?: number;
  /** Environment in which HTTPS_PROXY, HTTP_PROXY and NO_PROXY are looked up; none unless given. */
  readonly proxyEnv?: NodeJS.ProcessEnv;
}

/** One host of a repository, and the repository as it alone has it. */
export interface LoneHost {
  readonly session: HostSession;
  readonly repository: RemoteRepository;
}

/** Reads from registries and writes to them (OCI distribution spec v1.1). */
export class RegistryClient {
  readonly #options: Omit<RegistryOptions, keyof RegistryRules>;
  #rules: RegistryRules;
  readonly #transport: Transport;
  readonly #tokens = new TokenCache();
  /** How the hosts have done so far. */
  readonly health: HostHealth;
  readonly #stall: Ms;
  readonly #connections: HostConnections;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#rules = options;
    this.health = new HostHealth(options.health);
    this.#stall = options.stall ?? 20_000;
    this.#connections = new HostConnections(options.connectionsPerHost ?? 12);
    this.#transport = new Transport(this.#stall, options.proxyEnv);
  }

  /** Where credentials are stored. @throws {Fault} unimplemented where nothing is looked for in files */
  get credentialFile(): CredentialFile {
    const file = this.#rules.credentials?.file;
    if (file === undefined) throw new Fault("unimplemented", "this node keeps no credentials");
    return file;
  }

  /** Other rules hold for what is asked from now on. */
  change(rules: RegistryRules): void {
    this.#rules = rules;
  }

  /** What a name may mean, in the order in which it is to be tried. @throws {Fault} invalid, as `candidatesOf` does */
  readonly candidates = (name: string): readonly Reference[] =>
    candidatesOf(name, this.#rules.shortNames ?? usualShortNames);

  /**
   * The repository that `reference` names, at every host that serves it.
   *
   * @param given what the caller gave: for the registry itself, not for its mirrors
   * @param tell is told of each step
   * @throws {Fault} invalid for a malformed hosts.toml or credential; forbidden when it is blocked
   */
  async repository(
    reference: Reference,
    given: GivenCredential | undefined,
    tell?: Tell,
  ): Promise<RemoteRepository> {
    return this.#at(reference, await this.#sessions(reference, given, tell));
  }

  /** As `repository`, each host by itself. */
  async hosts(reference: Reference, given: GivenCredential | undefined, tell?: Tell): Promise<LoneHost[]> {
    const sessions = await this.#sessions(reference, given, tell);
    return sessions.map((session) => ({ session, repository: this.#at(reference, [session]) }));
  }

  /**
   * A client that knows nothing of what this one has done: it makes its own connections, asks for tokens anew, and tries
   * everything once.
   */
  fresh(): RegistryClient {
    const backOff = { ...defaultBackOff, tries: 1 };
    return new RegistryClient({ ...this.#options, ...this.#rules, backOff });
  }

  /** Ends all connections. */
  close(): void {
    this.#transport.close();
  }

  async #sessions(
    reference: Reference,
    given: GivenCredential | undefined,
    tell: Tell | undefined,
  ): Promise<HostSession[]> {
    const credential = readCredential(given);
    this.#refuseBlocked(reference);
    const { hosts, from } = await readRegistryHosts(this.#rules.configPath, reference.host);
    tell?.({ kind: "hosts", from, hosts });
    const parts = { transport: this.#transport, tokens: this.#tokens, stall: this.#stall, tell };
    return hosts.map((host) => {
      const lookUp = this.#lookUp(host, reference, credential);
      return new HostSession(host, reference.repository, lookUp, parts);
    });
  }

  #at(reference: Reference, sessions: readonly HostSession[]): RemoteRepository {
    const { backOff = defaultBackOff, maxManifest } = this.#options;
    const { configPath } = this.#rules;
    const { health } = this;
    return new RemoteRepository(reference, sessions, {
      stall: this.#stall,
      backOff,
      health,
      connections: this.#connections,
      mostLanes: this.#options.connectionsPerLayer ?? 4,
      maxManifest,
      configPath,
    });
  }

  #refuseBlocked(reference: Reference): void {
    const rule = ruleFor(reference, this.#rules.blocked ?? []);
    if (rule === undefined) return;
    throw new Fault("forbidden", `${formatReference(reference)} is blocked by the rule "${rule}"`, {
      hint: "the rules are in registry.blocked",
    });
  }

  /**
   * Whose credential a host gets: the registry that the reference names gets the caller's, or the node's own for that name; a
   * mirror only what the node has for the mirror itself.
   */
  #lookUp(host: RegistryHost, { host: registry, repository }: Reference, given: Credential | undefined) {
    const name = new URL(host.base).host;
    const lookUp: CredentialLookup = async (signal) => {
      if (host.isRegistry && given !== undefined)
        return { credential: given, from: "the call", problems: [] };
      const first = host.isRegistry ? await this.#stored(registry, repository, signal) : nothing;
      if (first.credential !== undefined || (host.isRegistry && name === registry)) return first;
      const own = await this.#stored(name, repository, signal);
      return { ...own, problems: [...new Set([...first.problems, ...own.problems])] };
    };
    return lookUp;
  }

  async #stored(registry: string, repository: string, signal: AbortSignal): Promise<FoundCredential> {
    return (await this.#rules.credentials?.find(registry, repository, signal)) ?? nothing;
  }
}

const nothing: FoundCredential = { credential: undefined, from: undefined, problems: [] };
