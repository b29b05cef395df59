import * as v from "valibot";
import { Fault } from "../base/fault.ts";
import type { Bytes, Ms } from "../base/units.ts";
import { isLoopbackHost } from "../spec/reference.ts";
import type { Challenge } from "./challenge.ts";
import { basicHeader, type Credential, sendable } from "./credential.ts";
import type { Secret } from "./secret.ts";
import { showUrl } from "./transport.ts";

/** A token, and how long it may be used from now on. */
export interface AccessToken {
  readonly token: Secret;
  readonly life: Ms;
}

/** A request for a token, to be sent by the one who knows how to send. */
export interface TokenRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export const tokenAnswerMax: Bytes = 1 << 20;
const leastLife: Ms = 60_000;
const clientId = "berth";

const tokenAnswer = v.object({
  token: v.nullish(v.string()),
  access_token: v.nullish(v.string()),
  expires_in: v.nullish(v.number()),
});

/**
 * The server to ask for a token, as the challenge says. A registry that is reached by TLS can't send a
 * credential over an open line.
 *
 * @throws {Fault} corrupt when the challenge names no fit server
 */
export function tokenRealm(challenge: Challenge, registry: URL): URL {
  const realm = challenge.parameters.get("realm") ?? "";
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  const loopback = url !== undefined && isLoopbackHost(url.host) && isLoopbackHost(registry.host);
  const open = url?.protocol === "http:" && (registry.protocol === "http:" || loopback);
  if (
    url === undefined ||
    !(url.protocol === "https:" || open) ||
    url.username !== "" ||
    url.password !== ""
  ) {
    throw new Fault(
      "corrupt",
      `${registry.host} names no fit token server: ${url === undefined ? "not a URL" : showUrl(url)}`,
    );
  }
  return url;
}

/**
 * The request for a token (distribution spec: token and OAuth 2 authentication), by GET, or POST for identity
 * tokens.
 */
export function tokenRequest(
  realm: URL,
  service: string | undefined,
  scope: string,
  credential: Credential | undefined,
): TokenRequest {
  const asked: [string, string][] = [
    ...(service === undefined ? [] : [["service", service] as [string, string]]),
  ];
  for (const one of scope.split(" ")) if (one !== "") asked.push(["scope", one]);
  if (credential?.kind === "identityToken") {
    const form = new URLSearchParams([
      ["grant_type", "refresh_token"],
      ["client_id", clientId],
      ["refresh_token", credential.token.reveal()],
      ...asked.filter(([name]) => name !== "scope"),
      ...(scope === "" ? [] : [["scope", scope] as [string, string]]),
    ]);
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return { method: "POST", url: realm, headers, body: form.toString() };
  }
  const url = new URL(realm);
  for (const [name, value] of asked) url.searchParams.append(name, value);
  if (credential?.kind !== "basic") return { method: "GET", url, headers: {} };
  url.searchParams.append("account", credential.username);
  return { method: "GET", url, headers: { authorization: basicHeader(credential).reveal() } };
}

/** @throws {Fault} corrupt */
export function readTokenAnswer(body: Buffer, url: URL): AccessToken {
  let read: v.InferOutput<typeof tokenAnswer> | undefined;
  try {
    read = v.parse(tokenAnswer, JSON.parse(body.toString()));
  } catch {
    // Parse errors quote what they read, and that may be a token.
  }
  const token = read?.token || read?.access_token;
  if (!token) throw new Fault("corrupt", `${showUrl(url)} answers without a token`);
  const said = (read?.expires_in ?? 0) * 1000;
  const life = Math.max(leastLife, Number.isFinite(said) ? said : 0);
  try {
    // Some time for the way: it is used before it is checked.
    return { token: sendable(token, "token"), life: life * 0.9 };
  } catch {
    throw new Fault("corrupt", `${showUrl(url)} answers with a malformed token`);
  }
}
