import type { IncomingMessage } from "node:http";
import { Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import type { RegistryHost } from "../spec/registry-host.ts";
import { refusal } from "./answer.ts";
import { readBody } from "./body.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { basicHeader, type Credential, credentialFingerprint } from "./credential.ts";
import { type Answered, drain, follow } from "./redirect.ts";
import { Secret } from "./secret.ts";
import { readTls, type TlsSettings } from "./tls.ts";
import { readTokenAnswer, tokenAnswerMax, tokenRealm, tokenRequest } from "./token-request.ts";
import type { TokenCache } from "./tokens.ts";
import { ConnectionLost, type Transport } from "./transport.ts";

/** What the sessions of one client share. */
export interface SessionParts {
  readonly transport: Transport;
  readonly tokens: TokenCache;
  /** A connection on which nothing comes for so long is given up. */
  readonly stall: Ms;
}

/** One repository at one host, asked with one credential: knows how to prove who asks. */
export class HostSession {
  readonly host: RegistryHost;
  readonly #repository: string;
  readonly #credential: Credential | undefined;
  readonly #parts: SessionParts;
  #base: string;
  #authorization: Secret | undefined;

  constructor(
    host: RegistryHost,
    repository: string,
    credential: Credential | undefined,
    parts: SessionParts,
  ) {
    this.host = host;
    this.#repository = repository;
    this.#credential = credential;
    this.#parts = parts;
    this.#base = host.base;
  }

  /** How errors name this host. */
  get name(): string {
    return new URL(this.#base).host;
  }

  /**
   * Asks for `path` below the repository (`manifests/latest`).
   *
   * @returns an answer of the 2xx kind, whose body must be read or destroyed
   * @throws {Refused} when the answer is no success; {ConnectionLost}; {Fault} unauthenticated and others
   */
  async ask(
    method: "GET" | "HEAD",
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Answered> {
    for (let refused = 0; ; refused++) {
      const { answer, url, origin } = await this.#send(method, path, headers, signal);
      const status = answer.statusCode ?? 0;
      if (status >= 200 && status < 300) return { answer, url };
      // Only the host itself gets a credential, however convincingly another one asks for it.
      const challenges =
        url.origin === origin ? parseChallenges(answer.headers["www-authenticate"] ?? "") : [];
      if (status !== 401 || refused === 2 || challenges.length === 0)
        throw await refusal(answer, url, signal);
      const proof = await this.#prove(challenges, url, refused > 0, signal);
      if (proof === undefined || (refused > 0 && proof.reveal() === this.#authorization?.reveal())) {
        throw await refusal(answer, url, signal);
      }
      drain(answer);
      this.#authorization = proof;
    }
  }

  async #send(
    method: "GET" | "HEAD",
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Answered & { origin: string }> {
    const own = { "accept-encoding": "identity", "user-agent": "berth", ...this.host.headers };
    const proof: Record<string, string> =
      this.#authorization === undefined ? {} : { authorization: this.#authorization.reveal() };
    const url = new URL(`${this.#base}/${this.#repository}/${path}`);
    if (this.host.mirrorOf !== undefined) url.searchParams.set("ns", this.host.mirrorOf);
    const request = {
      method,
      url,
      headers: { ...own, ...proof, ...headers },
      tls: await readTls(this.host.tls),
    };
    try {
      return {
        ...(await follow(this.#parts.transport, request, this.#foreignTls, signal)),
        origin: url.origin,
      };
    } catch (error) {
      if (this.host.plainBase === undefined || this.#base === this.host.plainBase || !speaksNoTls(error))
        throw error;
      this.#base = this.host.plainBase;
      return this.#send(method, path, headers, signal);
    }
  }

  readonly #foreignTls = (): Promise<TlsSettings> => {
    const { ca, skipVerify } = this.host.tls;
    return readTls({ ca, skipVerify });
  };

  /** An answer to the challenges; undefined when there is nothing to answer with. */
  async #prove(
    challenges: readonly Challenge[],
    url: URL,
    anew: boolean,
    signal: AbortSignal,
  ): Promise<Secret | undefined> {
    const credential = this.#credential;
    const bearer = challenges.find((challenge) => challenge.scheme === "bearer");
    if (bearer !== undefined) {
      const token =
        credential?.kind === "registryToken"
          ? credential.token
          : await this.#token(bearer, url, anew, signal);
      return new Secret(`Bearer ${token.reveal()}`);
    }
    const basic = challenges.some((challenge) => challenge.scheme === "basic");
    return basic && credential?.kind === "basic" ? basicHeader(credential) : undefined;
  }

  async #token(bearer: Challenge, registry: URL, anew: boolean, signal: AbortSignal): Promise<Secret> {
    const realm = tokenRealm(bearer, registry);
    const service = bearer.parameters.get("service");
    const scope = bearer.parameters.get("scope") || `repository:${this.#repository}:pull`;
    const key = JSON.stringify([realm.href, service, scope, credentialFingerprint(this.#credential)]);
    const known = anew ? undefined : this.#parts.tokens.get(key);
    if (known !== undefined) return known;
    const asked = tokenRequest(realm, service, scope, this.#credential);
    const own = realm.origin === registry.origin;
    const tls = own ? await readTls(this.host.tls) : await this.#foreignTls();
    const request = { ...asked, headers: { "user-agent": "berth", ...asked.headers }, tls };
    const { answer, url } = await follow(this.#parts.transport, request, this.#foreignTls, signal);
    if (answer.statusCode !== 200) throw await tokenRefusal(answer, url, signal);
    const body = await readBody(answer, url, tokenAnswerMax, this.#parts.stall, signal);
    const { token, life } = readTokenAnswer(body, url);
    this.#parts.tokens.put(key, token, life);
    return token;
  }
}

/** A token server that says no to the credential says so in many ways. */
async function tokenRefusal(answer: IncomingMessage, url: URL, signal: AbortSignal): Promise<Fault> {
  const said = await refusal(answer, url, signal);
  if (said.status < 400 || said.status >= 500 || said.status === 429 || said.status === 408) return said;
  return new Fault("unauthenticated", "the registry's token server gives no token", { cause: said });
}

/** What OpenSSL or the other side make of TLS spoken to a plain HTTP server. */
function speaksNoTls(error: unknown): boolean {
  return (
    error instanceof ConnectionLost &&
    /^(EPROTO|ECONNRESET|ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST))$/.test(
      error.code,
    )
  );
}
