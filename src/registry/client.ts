import type { Bytes, Ms } from "../base/units.ts";
import type { Reference } from "../spec/reference.ts";
import { readRegistryHosts } from "../spec/registry-hosts-file.ts";
import { type BackOff, defaultBackOff } from "./back-off.ts";
import { type GivenCredential, readCredential } from "./credential.ts";
import { HostSession } from "./host-session.ts";
import { RemoteRepository } from "./repository.ts";
import { TokenCache } from "./tokens.ts";
import { Transport } from "./transport.ts";

export interface RegistryOptions {
  /** Where `<host>/hosts.toml` lie. Read anew for each pull. */
  readonly configPath: string;
  /** Of a manifest, an index or a config. */
  readonly maxManifest: Bytes;
  /**
   * A connection on which nothing comes for so long is given up, and the rest asked for again. 20 s unless
   * said.
   */
  readonly stall?: Ms;
  readonly backOff?: BackOff;
  /** Environment in which HTTPS_PROXY, HTTP_PROXY and NO_PROXY are looked up; none unless given. */
  readonly proxyEnv?: NodeJS.ProcessEnv;
}

/** Reads from registries (OCI distribution spec v1.1, pull). */
export class RegistryClient {
  readonly #options: RegistryOptions;
  readonly #transport: Transport;
  readonly #tokens = new TokenCache();
  readonly #stall: Ms;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#stall = options.stall ?? 20_000;
    this.#transport = new Transport(this.#stall, options.proxyEnv);
  }

  /**
   * The repository that `reference` names, at every host that serves it.
   *
   * @throws {Fault} invalid for a malformed hosts.toml or credential
   */
  async repository(reference: Reference, given: GivenCredential | undefined): Promise<RemoteRepository> {
    const credential = readCredential(given);
    const { hosts } = await readRegistryHosts(this.#options.configPath, reference.host);
    const parts = { transport: this.#transport, tokens: this.#tokens, stall: this.#stall };
    const sessions = hosts.map((host) => new HostSession(host, reference.repository, credential, parts));
    return new RemoteRepository(reference, sessions, {
      stall: this.#stall,
      backOff: this.#options.backOff ?? defaultBackOff,
      maxManifest: this.#options.maxManifest,
      anonymous: credential === undefined,
      configPath: this.#options.configPath,
    });
  }

  /** Ends all connections. */
  close(): void {
    this.#transport.close();
  }
}
