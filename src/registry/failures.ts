import { describeFault, Fault, type FaultKind, faultKind } from "../base/fault.ts";
import { Refused } from "./answer.ts";
import type { FoundCredential } from "./credential-sources.ts";
import type { HostSession } from "./host-session.ts";
import { ConnectionLost } from "./transport.ts";

/** What one host had to say. */
export interface HostFailure {
  readonly session: Pick<HostSession, "name" | "found" | "host">;
  readonly error: unknown;
  /** It was not even asked. */
  readonly isSkipped?: true;
}

/**
 * The error when every host failed: names each and what it said, and what to do. The kind is that of the registry itself, or
 * of the last mirror that was asked.
 */
export function noHostServes(
  doing: string,
  failures: readonly HostFailure[],
  settings: { readonly configPath: string },
): Fault {
  const asked = failures.filter(({ isSkipped }) => isSkipped !== true);
  const last = asked.findLast(({ session }) => session.host.isRegistry) ?? asked.at(-1) ?? failures.at(-1);
  if (last === undefined) {
    return new Fault("invalid", `${doing}: no host is configured that may be asked for it`, {
      hint: `capabilities in ${settings.configPath}/<host>/hosts.toml`,
    });
  }
  const kind = kindOf(last.error);
  const hint = hintFor(kind, last, settings);
  if (failures.length === 1) {
    return new Fault(kind, doing, { cause: last.error, ...(hint === undefined ? {} : { hint }) });
  }
  const story = failures
    .map(({ session, error }) => `${session.name}: ${describeFault(error)}${whoAsked(session, error)}`)
    .join("; ");
  return new Fault(
    kind,
    `${doing}: none of ${failures.length} hosts gave it: ${story}`,
    hint === undefined ? {} : { hint },
  );
}

function kindOf(error: unknown): FaultKind {
  return error instanceof ConnectionLost ? "unavailable" : faultKind(error);
}

function hintFor(
  kind: FaultKind,
  { session, error }: HostFailure,
  settings: { readonly configPath: string },
): string | undefined {
  const { name: host, found } = session;
  const file = `${settings.configPath}/${host}/hosts.toml`;
  if (error instanceof ConnectionLost) {
    if (/^(EPROTO|ERR_SSL_(WRONG_VERSION|PACKET_LENGTH))/.test(error.code)) {
      return `the host doesn't speak TLS; to allow plain HTTP, write server = "http://${host}" in ${file}`;
    }
    if (error.code === "ERR_TLS_CERT_ALTNAME_INVALID")
      return "the certificate is for other names: is the address right, is it the host that answers?";
    if (/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/.test(error.code))
      return "the host needs another certificate, unless the clock of this machine is wrong";
    if (/SELF_SIGNED|UNABLE_TO|DEPTH_ZERO|CERT_|ERR_TLS/.test(error.code)) {
      return `to trust its certificate, name the authority as ca in ${file}`;
    }
  }
  if (error instanceof ConnectionLost) return connectionHint(error.code, host);
  if (isAboutCredential(error) && error instanceof Refused && error.by !== host)
    return `${host} has redirected to ${error.by}, which gets no credential of another host: ${host} should give an address that needs none`;
  if (isAboutCredential(error)) return credentialHint(host, found);
  if (kind === "notFound")
    return "check the name; some registries say so, too, of what a credential may not see";
  if (kind === "exhausted" && !(error instanceof Fault && error.hint !== undefined))
    return "the limit is image.maxManifest";
  return undefined;
}

function connectionHint(code: string, host: string): string | undefined {
  const name = host.replace(/:[0-9]+$/, "");
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return `the name can't be resolved: look at /etc/resolv.conf; getent hosts ${name}`;
  if (code === "ECONNREFUSED") return "nobody listens there: is it running, is the port right?";
  if (code === "ETIMEDOUT" || code === "EHOSTUNREACH" || code === "ENETUNREACH")
    return "look for a firewall, a missing route or proxy (HTTPS_PROXY) between";
  return undefined;
}

function isAboutCredential(error: unknown): boolean {
  return kindOf(error) === "unauthenticated" || (error instanceof Refused && error.status === 403);
}

function credentialHint(host: string, found: FoundCredential | undefined): string {
  const passedOver = found?.problems.map((problem) => `; ${problem}`).join("") ?? "";
  if (found?.credential === undefined)
    return `no credential was given, and this node has none for ${host}; berth registry login ${host} stores one${passedOver}`;
  return `check the credential${whoIs(found)}, from ${found.from}${passedOver}`;
}

/** In a list of hosts, of one that refuses: with which credential it was asked. */
function whoAsked({ found }: HostFailure["session"], error: unknown): string {
  if (!isAboutCredential(error)) return "";
  return found?.credential === undefined
    ? " (asked without a credential)"
    : ` (asked with the credential${whoIs(found)} from ${found.from})`;
}

function whoIs({ credential }: FoundCredential): string {
  return credential?.kind === "basic" ? ` of ${JSON.stringify(credential.username.slice(0, 100))}` : "";
}
