import { Fault } from "../base/fault.ts";
import { Secret } from "./secret.ts";

/** What proves to a registry who asks. */
export type Credential =
  | { readonly kind: "basic"; readonly username: string; readonly password: Secret }
  /** Exchanged for access tokens (OAuth 2 refresh token). */
  | { readonly kind: "identityToken"; readonly token: Secret }
  /** An access token, sent as it is. */
  | { readonly kind: "registryToken"; readonly token: Secret };

/** How a caller hands over a credential (CRI AuthConfig, and an entry of Docker's config.json). */
export interface GivenCredential {
  readonly username?: string;
  readonly password?: string;
  /** base64 of `username:password`. */
  readonly auth?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

/**
 * Reads what the caller gave; undefined when it gave nothing.
 *
 * @throws {Fault} invalid when `auth` is not base64 of `username:password`, or a part can't be sent
 */
export function readCredential(given: GivenCredential | undefined): Credential | undefined {
  if (given === undefined) return undefined;
  if (given.registryToken)
    return { kind: "registryToken", token: sendable(given.registryToken, "registry token") };
  if (given.identityToken) return { kind: "identityToken", token: new Secret(given.identityToken) };
  if (given.username || given.password) return basic(given.username ?? "", given.password ?? "");
  if (!given.auth) return undefined;
  const decoded = /^[A-Za-z0-9+/_-]*={0,2}\s*$/.test(given.auth)
    ? Buffer.from(given.auth, "base64").toString()
    : "";
  const colon = decoded.indexOf(":");
  if (colon < 0) throw new Fault("invalid", "the credential's auth field is not base64 of username:password");
  // Some clients pad the decoded pair with NUL bytes.
  return basic(decoded.slice(0, colon), decoded.slice(colon + 1).replace(/\0+$/, ""));
}

/** The same for equal credentials, for the life of this process; says nothing of them. */
export function credentialFingerprint(credential: Credential | undefined): string {
  if (credential === undefined) return "anonymous";
  if (credential.kind !== "basic") return `${credential.kind}:${credential.token.fingerprint()}`;
  const pair = new Secret(JSON.stringify([credential.username, credential.password.reveal()]));
  return `basic:${pair.fingerprint()}`;
}

/** The value of an Authorization header of the Basic scheme (RFC 7617). */
export function basicHeader(credential: Credential & { kind: "basic" }): Secret {
  const pair = `${credential.username}:${credential.password.reveal()}`;
  return new Secret(`Basic ${Buffer.from(pair).toString("base64")}`);
}

function basic(username: string, password: string): Credential {
  if (username.includes(":")) throw new Fault("invalid", "a registry user name can't hold a colon");
  return { kind: "basic", username, password: new Secret(password) };
}

/** @throws {Fault} invalid */
export function sendable(token: string, what: string): Secret {
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new Fault("invalid", `the ${what} holds characters that no header can carry`);
  return new Secret(token);
}
