import type { Ms } from "../base/units.ts";
import type { ConnectionFacts, RegistryEvent, TlsFacts } from "./trace.ts";

/** One step of the way to an image, as it is told to whoever tests that way. No secret is in it. */
export interface WalkStep {
  readonly name:
    | "name"
    | "hosts"
    | "host"
    | "connection"
    | "tls"
    | "request"
    | "challenge"
    | "credential"
    | "token"
    | "ping"
    | "manifest"
    | "layer"
    | "result";
  /** The API's base of the host that it is about; empty: none in particular. */
  readonly host: string;
  readonly outcome: "ok" | "failed" | "skipped" | "note";
  readonly text: string;
  /** The same for programs. */
  readonly facts: Readonly<Record<string, string>>;
  readonly took: Ms | undefined;
  /** What to do about it; empty: nothing. */
  readonly hint: string;
}

/** A step without what most have not. */
export function step(
  name: WalkStep["name"],
  outcome: WalkStep["outcome"],
  text: string,
  more: Partial<Pick<WalkStep, "host" | "facts" | "took" | "hint">> = {},
): WalkStep {
  return { name, outcome, text, host: "", facts: {}, took: undefined, hint: "", ...more };
}

/** What the registry's parts tell of themselves, as steps. */
export function stepsOf(event: RegistryEvent): WalkStep[] {
  switch (event.kind) {
    case "hosts":
      return [hostsStep(event)];
    case "connection":
      return event.facts.reused ? [] : connectionSteps(event.facts);
    case "plain":
      return [
        step("connection", "note", "nothing there speaks TLS: plain HTTP, as it is on this machine", {
          facts: { host: event.host },
        }),
      ];
    case "answer": {
      const { method, url, status, took } = event;
      const facts = { method, url, status: String(status) };
      return [
        step("request", status < 500 ? "ok" : "failed", `${method} ${url}: ${status}`, { facts, took }),
      ];
    }
    case "challenge":
      return [challengeStep(event)];
    case "credential":
      return [credentialStep(event)];
    case "token": {
      const facts = { realm: event.realm, lifeSeconds: String(Math.round(event.life / 1000)) };
      const text = `from ${event.realm}, good for ${facts.lifeSeconds} s`;
      return [step("token", "ok", text, { facts, took: event.took })];
    }
  }
}

function hostsStep({ from, hosts }: RegistryEvent & { kind: "hosts" }): WalkStep {
  const list = hosts.map(({ base, isRegistry, capabilities }, index) => {
    const may = [...capabilities].join(", ");
    return `${index + 1}. ${base} (${isRegistry ? "the registry" : "a mirror"}: ${may})`;
  });
  const why = from === undefined ? "nothing is configured for it" : from;
  const facts = { file: from ?? "", hosts: hosts.map(({ base }) => base).join(" ") };
  return step("hosts", "ok", [`${why}:`, ...list].join("\n"), { facts });
}

function connectionSteps(facts: ConnectionFacts): WalkStep[] {
  const { host, proxy, addresses, lookup, connect, handshake, tls } = facts;
  const ms = (what: string, took: Ms | undefined) =>
    took === undefined ? [] : [`${what} ${took.toFixed(1)} ms`];
  const stands =
    connect !== undefined || handshake !== undefined || (proxy !== undefined && addresses.length > 0);
  const way = proxy === undefined ? addresses.join(", ") : `by the proxy ${proxy}`;
  const times = [...ms("DNS", lookup), ...ms("TCP", connect)];
  const parts = [way, ...times].filter((part) => part !== "");
  const connection = step(
    "connection",
    stands ? "ok" : "failed",
    `${host}${parts.length === 0 ? "" : `: ${parts.join(", ")}`}${stands ? "" : ": no connection"}`,
    { facts: { host, proxy: proxy ?? "", addresses: addresses.join(" ") } },
  );
  return tls === undefined ? [connection] : [connection, tlsStep(tls, handshake)];
}

function tlsStep(tls: TlsFacts, took: Ms | undefined): WalkStep {
  const { version, subject, issuer, names, validTo, problem } = tls;
  const certificate = `certificate of ${subject} for ${names.join(", ") || "no name"}, by ${issuer}, until ${validTo}`;
  const trust = problem === undefined ? "" : `not trusted (${problem}): `;
  return step("tls", problem === undefined ? "ok" : "failed", `${trust}${version}, ${certificate}`, {
    facts: { version, subject, issuer, names: names.join(" "), validTo, problem: problem ?? "" },
    took,
  });
}

function challengeStep({ challenge, from }: RegistryEvent & { kind: "challenge" }): WalkStep {
  const { scheme, parameters } = challenge;
  const [realm, service, scope] = ["realm", "service", "scope"].map((name) =>
    shown(parameters.get(name) ?? ""),
  );
  const wants =
    scheme === "bearer"
      ? `a token of ${realm}${service === "" ? "" : ` for the service ${service}`}${scope === "" ? "" : `, scope ${scope}`}`
      : scheme === "basic"
        ? "a user and password"
        : `what this node does not know: ${shown(scheme)}`;
  const facts = { scheme: shown(scheme), realm: realm ?? "", service: service ?? "", scope: scope ?? "" };
  return step("challenge", "ok", `${from} wants ${wants}`, { facts });
}

function credentialStep({ host, found }: RegistryEvent & { kind: "credential" }): WalkStep {
  const { credential, from, problems } = found;
  const kind = credential?.kind ?? "none";
  const user = credential?.kind === "basic" ? credential.username : "";
  const what = {
    basic: `user ${JSON.stringify(user)}`,
    identityToken: "identity token",
    registryToken: "access token",
  };
  const text =
    credential === undefined
      ? "none: the call gave none, and this node has none for it"
      : what[credential.kind];
  const facts = { kind, user, from: from ?? "", problems: problems.join("; ") };
  return step(
    "credential",
    problems.length === 0 && credential !== undefined ? "ok" : "note",
    [
      `${text}${from === undefined ? "" : `, from ${from}`}`,
      ...problems.map((problem) => `not asked: ${problem}`),
    ].join("\n"),
    {
      facts,
      hint: credential === undefined ? `berth registry login ${host} stores one` : "",
    },
  );
}

/** A stranger's text: one line, not too long. */
function shown(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").slice(0, 300);
}
