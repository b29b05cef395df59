import type { IncomingMessage } from "node:http";
import { Fault, isFault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import type { RegistryHost } from "../spec/registry-host.ts";
import { refusal } from "./answer.ts";
import { readBody } from "./body.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { basicHeader, type Credential, credentialFingerprint } from "./credential.ts";
import type { FoundCredential } from "./credential-sources.ts";
import { type Answered, drain, follow, redirectTarget } from "./redirect.ts";
import { Secret } from "./secret.ts";
import { readTls, type TlsSettings } from "./tls.ts";
import { readTokenAnswer, tokenAnswerMax, tokenRealm, tokenRequest } from "./token-request.ts";
import type { TokenCache } from "./tokens.ts";
import type { Tell } from "./trace.ts";
import { ConnectionLost, type HttpRequest, type RequestBody, showUrl, type Transport } from "./transport.ts";

/** What the sessions of one client share. */
export interface SessionParts {
  readonly transport: Transport;
  readonly tokens: TokenCache;
  /** A connection on which nothing comes for so long is given up. */
  readonly stall: Ms;
  readonly tell: Tell | undefined;
}

/** Looks for a credential, once the host wants one. */
export type CredentialLookup = (signal: AbortSignal) => Promise<FoundCredential>;

/** What is asked of a host. */
export interface HostRequest {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
  /** What a token must be good for besides what the host says itself: `repository:some/app:pull,push`. Empty: no more. */
  readonly scope?: string;
}

/** What any host is told. */
const foreign = { "accept-encoding": "identity", "user-agent": "berth" };

/** One repository at one host, asked with one credential: knows how to prove who asks. */
export class HostSession {
  readonly host: RegistryHost;
  readonly #repository: string;
  readonly #lookUp: CredentialLookup;
  readonly #parts: SessionParts;
  #found: FoundCredential | undefined;
  #base: string;
  #authorization: Secret | undefined;

  constructor(host: RegistryHost, repository: string, lookUp: CredentialLookup, parts: SessionParts) {
    this.host = host;
    this.#repository = repository;
    this.#lookUp = lookUp;
    this.#parts = parts;
    this.#base = host.base;
  }

  /** How errors name this host. */
  get name(): string {
    return new URL(this.#base).host;
  }

  /** What was found when the host wanted a credential; undefined: it has not. */
  get found(): FoundCredential | undefined {
    return this.#found;
  }

  /**
   * Asks for what lies at `path`: below the repository (`manifests/latest`), or at an address that this host gave for it
   * (where an upload goes on); for the API itself if it is empty.
   *
   * @returns an answer of the 2xx kind, whose body must be read or destroyed
   * @throws {Refused} when the answer is no success; {ConnectionLost}; {Fault} unauthenticated and others
   */
  async ask(
    method: HttpRequest["method"],
    path: string | URL,
    request: HostRequest,
    signal: AbortSignal,
  ): Promise<Answered> {
    for (let refused = 0; ; refused++) {
      const { answer, url, origin } = await this.#send(method, path, request, signal);
      const status = answer.statusCode ?? 0;
      if (status >= 200 && status < 300) return { answer, url };
      // Only the host itself gets a credential, however convincingly another one asks for it.
      const challenges =
        url.origin === origin ? parseChallenges(answer.headers["www-authenticate"] ?? "") : [];
      if (status !== 401 || refused === 2 || challenges.length === 0)
        throw await refusal(answer, url, signal);
      for (const challenge of challenges)
        this.#parts.tell?.({ kind: "challenge", challenge, from: url.host });
      const proof = await this.#prove(challenges, url, { anew: refused > 0, scope: request.scope }, signal);
      if (proof === undefined || (refused > 0 && proof.reveal() === this.#authorization?.reveal())) {
        throw await refusal(answer, url, signal);
      }
      // The rest of a body that nobody wants is not sent.
      if (request.body === undefined) drain(answer);
      else answer.destroy();
      this.#authorization = proof;
    }
  }

  /** Has the host show its certificate to who is told of connections, trusted or not; it learns nothing but the address. */
  async showCertificate(signal: AbortSignal): Promise<void> {
    if (!this.#base.startsWith("https:")) return;
    const { transport, tell } = this.#parts;
    const tls = await readTls({ skipVerify: true, ca: this.host.tls.ca });
    const url = new URL(`${this.#base}/`);
    (await transport.send({ method: "HEAD", url, headers: foreign, tls, tell }, signal)).destroy();
  }

  async #send(
    method: HttpRequest["method"],
    path: string | URL,
    asked: HostRequest,
    signal: AbortSignal,
  ): Promise<Answered & { origin: string }> {
    const own = { ...foreign, ...this.host.headers };
    const proof: Record<string, string> =
      this.#authorization === undefined ? {} : { authorization: this.#authorization.reveal() };
    const base = this.#base;
    const { url, isOwn } = this.#address(path);
    const request: HttpRequest = {
      method,
      url,
      headers: isOwn ? { ...own, ...proof, ...asked.headers } : { ...foreign, ...asked.headers },
      body: asked.body,
      tls: isOwn ? await readTls(this.host.tls) : await this.#foreignTls(),
      dialTimeout: this.host.dialTimeout,
      tell: this.#parts.tell,
    };
    try {
      return {
        ...(await follow(this.#parts.transport, request, this.#foreignTls, signal)),
        origin: url.origin,
      };
    } catch (error) {
      // Another request may have found out meanwhile.
      if (this.host.plainBase === undefined || base === this.host.plainBase || !speaksNoTls(error))
        throw error;
      this.#base = this.host.plainBase;
      this.#parts.tell?.({ kind: "plain", host: this.name });
      return this.#send(method, path, asked, signal);
    }
  }

  /** Where `path` is. What lies at another host gets no proof, no configured header and no client certificate. */
  #address(path: string | URL): { url: URL; isOwn: boolean } {
    if (typeof path !== "string") {
      const own = new URL(this.#base);
      return { url: redirectTarget(path.href, own), isOwn: path.origin === own.origin };
    }
    const url = new URL(path === "" ? `${this.#base}/` : `${this.#base}/${this.#repository}/${path}`);
    if (this.host.namespace !== undefined) url.searchParams.set("ns", this.host.namespace);
    return { url, isOwn: true };
  }

  readonly #foreignTls = (): Promise<TlsSettings> => {
    const { ca, skipVerify } = this.host.tls;
    return readTls({ ca, skipVerify });
  };

  /** An answer to the challenges; undefined when there is nothing to answer with. */
  async #prove(
    challenges: readonly Challenge[],
    url: URL,
    wanted: { readonly anew: boolean; readonly scope: string | undefined },
    signal: AbortSignal,
  ): Promise<Secret | undefined> {
    const credential = await this.#credential(signal);
    const bearer = challenges.find((challenge) => challenge.scheme === "bearer");
    if (bearer !== undefined) {
      const token =
        credential?.kind === "registryToken"
          ? credential.token
          : await this.#token(bearer, url, { ...wanted, credential }, signal);
      return new Secret(`Bearer ${token.reveal()}`);
    }
    const basic = challenges.some((challenge) => challenge.scheme === "basic");
    return basic && credential?.kind === "basic" ? basicHeader(credential) : undefined;
  }

  async #credential(signal: AbortSignal): Promise<Credential | undefined> {
    if (this.#found === undefined) {
      const found = await this.#lookUp(signal);
      this.#found ??= found;
      this.#parts.tell?.({ kind: "credential", host: this.name, found });
    }
    return this.#found.credential;
  }

  async #token(
    bearer: Challenge,
    registry: URL,
    wanted: {
      readonly anew: boolean;
      readonly scope: string | undefined;
      readonly credential: Credential | undefined;
    },
    signal: AbortSignal,
  ): Promise<Secret> {
    const { anew, scope: more, credential } = wanted;
    const realm = tokenRealm(bearer, registry);
    const service = bearer.parameters.get("service");
    const said = bearer.parameters.get("scope") || (more ?? `repository:${this.#repository}:pull`);
    const scope = [...new Set(`${said} ${more ?? ""}`.split(" "))].join(" ").trim();
    const key = JSON.stringify([realm.href, service, scope, credentialFingerprint(credential)]);
    const known = anew ? undefined : this.#parts.tokens.get(key);
    if (known !== undefined) return known;
    const asked = tokenRequest(realm, service, scope, credential);
    const own = realm.origin === registry.origin;
    const tls = own ? await readTls(this.host.tls) : await this.#foreignTls();
    const { tell } = this.#parts;
    const request = { ...asked, headers: { "user-agent": "berth", ...asked.headers }, tls, tell };
    const began = performance.now();
    const { answer, url } = await follow(this.#parts.transport, request, this.#foreignTls, signal);
    if (answer.statusCode !== 200) throw await tokenRefusal(answer, url, signal);
    const body = await readBody(answer, url, tokenAnswerMax, this.#parts.stall, signal).catch(
      (error: unknown) => {
        throw isFault(error, "exhausted")
          ? new Fault(error.kind, error.message, { hint: noTokenServer })
          : error;
      },
    );
    const { token, life } = readTokenAnswer(body, url);
    tell?.({ kind: "token", realm: showUrl(realm), took: performance.now() - began, life });
    this.#parts.tokens.put(key, token, life);
    return token;
  }
}

const noTokenServer = "no token is that long: is what the registry names a token server at all?";

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
