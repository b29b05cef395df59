import { throwIfEnded } from "../../base/deadline.ts";
import { describeFault } from "../../base/fault.ts";
import type { LoneHost, RegistryClient } from "../../registry/client.ts";
import type { HostState } from "../../registry/host-health.ts";
import type { RegistryEvent } from "../../registry/trace.ts";
import { step, stepsOf, type WalkStep } from "../../registry/walk-step.ts";
import { formatReference, type Reference } from "../../spec/reference.ts";
import { isShortName } from "../../spec/short-names.ts";
import type { RegistryAuth } from "../contract.ts";
import { authAt } from "../short-names.ts";
import { type Findings, type WalkParts, walkHost } from "./walk-host.ts";

/**
 * Goes the way of a pull without keeping anything, over connections of its own, and tells of each step; each host is asked for
 * the whole image, even when another one has given it. The last step, `result`, says whether a pull would succeed.
 *
 * @throws {Fault} cancelled or deadline, as `signal` says
 */
export async function* walk(
  name: string,
  auth: RegistryAuth | undefined,
  parts: WalkParts,
  signal: AbortSignal,
): AsyncGenerator<WalkStep, void, undefined> {
  const client = parts.registry.fresh();
  try {
    const candidates = client.candidates(name);
    yield nameStep(name, candidates);
    for (const [index, reference] of candidates.entries()) {
      const own = candidates.length === 1 ? auth : authAt(reference, auth);
      const asked = { reference, auth: own, client, states: parts.registry.health.states() };
      const result = yield* walkReference(asked, parts, signal);
      const isLast = index === candidates.length - 1;
      yield isLast || result.outcome === "ok" ? result : { ...result, name: "name", outcome: "note" };
      if (result.outcome === "ok") return;
    }
  } catch (error) {
    throwIfEnded(signal, `walking to ${name}`);
    yield step("result", "failed", describeFault(error));
  } finally {
    client.close();
  }
}

function nameStep(name: string, candidates: readonly Reference[]): WalkStep {
  const meant = candidates.map(formatReference);
  const how = isShortName(name) ? `${name} names no registry; it is looked for as ` : "";
  return step("name", "ok", `${how}${meant.join(", then ")}`, { facts: { meant: meant.join(" ") } });
}

/** One meaning of the name. */
interface Asked {
  readonly reference: Reference;
  readonly auth: RegistryAuth | undefined;
  readonly client: RegistryClient;
  readonly states: readonly HostState[];
}

/** @returns the result */
async function* walkReference(
  { reference, auth, client, states }: Asked,
  parts: WalkParts,
  signal: AbortSignal,
): AsyncGenerator<WalkStep, WalkStep, undefined> {
  const told: WalkStep[] = [];
  const isNews = firstOfItsKind();
  const hosts = await client
    .hosts(reference, auth, (event) => {
      if (isNews(event)) told.push(...stepsOf(event));
    })
    .catch((error: unknown) => step("result", "failed", describeFault(error)));
  yield* told.splice(0);
  if ("outcome" in hosts) return hosts;
  const findings: Findings = { digest: reference.digest, meantBy: [], servedBy: [], problems: [] };
  for (const host of inOrder(hosts, reference)) {
    const { base } = host.session.host;
    const state = states.find((each) => each.base === base);
    for await (const each of walkHost(host, { reference, state, told, findings }, parts, signal))
      yield { ...each, host: each.host === "" ? base : each.host };
  }
  return resultOf(reference, findings, hosts);
}

/** False for another connection that is like one before: how many there are says nothing of the way. */
function firstOfItsKind(): (event: RegistryEvent) => boolean {
  const seen = new Set<string>();
  return (event) => {
    if (event.kind !== "connection") return true;
    const { host, connect, handshake, tls } = event.facts;
    const kind = JSON.stringify([host, connect === undefined, handshake === undefined, tls?.problem]);
    return seen.size < seen.add(kind).size;
  };
}

/** Hosts that may not say what a tag stands for come after those that may: they are asked by digest. */
function inOrder(hosts: readonly LoneHost[], { digest }: Reference): LoneHost[] {
  const may = ({ session }: LoneHost) => digest !== undefined || session.host.capabilities.has("resolve");
  return [...hosts.filter(may), ...hosts.filter((host) => !may(host))];
}

function resultOf(reference: Reference, findings: Findings, hosts: readonly LoneHost[]): WalkStep {
  const { meantBy, servedBy, digest, problems } = findings;
  const name = formatReference(reference);
  const facts = { reference: name, digest: digest ?? "", hosts: servedBy.join(" ") };
  if (servedBy.length > 0) {
    const order = hosts.map(({ session }) => session.host.base).filter((base) => servedBy.includes(base));
    const isElsewhere = reference.digest === undefined && meantBy[0] !== order[0];
    const said = isElsewhere ? `; ${meantBy[0]} says what the tag stands for` : "";
    return step("result", "ok", `${name} can be pulled from ${order.join(", else from ")}${said}`, { facts });
  }
  const [decisive] = [...problems.filter(({ isRegistry }) => isRegistry), ...problems.toReversed()];
  if (decisive === undefined) return step("result", "failed", `${name} can't be pulled`, { facts });
  const { story, hint } = decisive;
  return step("result", "failed", `${name} can't be pulled: ${story}`, { facts, hint });
}
