import { join } from "node:path";
import { type Finding, note, ok, problem, warning } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import type { HostProbe, RegistryProbe } from "../probe-registry.ts";

const dayMs = 86_400_000;
const soonDays = 14;

/** Whether the configured registries and mirrors answer, and with certificates that are trusted. */
export async function checkRegistries({ registries, config }: NodeView): Promise<Finding[]> {
  const probes = await registries();
  const certsDir = config.registry.configPath;
  if (probes.length === 0) {
    return [
      note(
        `${certsDir} names no registry, so none was asked`,
        "",
        "berth doctor registries --registry HOST asks one",
      ),
    ];
  }
  return probes.flatMap((probe) => judgeRegistry(probe, certsDir));
}

export function judgeRegistry({ registry, hosts, mistake }: RegistryProbe, certsDir: string): Finding[] {
  if (mistake !== "") {
    const why = `nothing can be pulled from ${registry} until that is right`;
    return [problem(mistake, why, "docs/registries.md shows the form; berth doctor registries looks again")];
  }
  const someAnswer = hosts.some(isWell);
  return hosts.flatMap((host) => judgeHost(host, { registry, certsDir, someAnswer }));
}

interface Surroundings {
  readonly registry: string;
  readonly certsDir: string;
  /** True when another host stands in for one that fails. */
  readonly someAnswer: boolean;
}

function isWell({ failure, status = 0 }: HostProbe): boolean {
  return failure === undefined && status < 500;
}

function judgeHost(host: HostProbe, at: Surroundings): Finding[] {
  const name = nameOf(host, at.registry);
  if (host.failure === undefined && isWell(host))
    return [...endsSoon(host, name), ok(`${name} answers ${host.status}`)];
  const say = at.someAnswer ? warning : problem;
  const harm = at.someAnswer ? "pulls go to the next host, later" : `pulls from ${at.registry} fail`;
  if (host.failure === undefined) {
    return [
      say(`${name} answers with an error: HTTP ${host.status}`, harm, "look at that registry's own log"),
    ];
  }
  const { what, remedy } = explain(host, at);
  return [say(`${name}: ${what}`, `${harm}: ${host.failure.message}`, remedy)];
}

/** Its address, and what it is for where the address does not show that. */
function nameOf({ base, isMirror }: HostProbe, registry: string): string {
  if (isMirror) return `mirror ${base} of ${registry}`;
  return new URL(base).host === registry ? base : `${base}, the server of ${registry}`;
}

function endsSoon({ certificateEnds }: HostProbe, name: string): Finding[] {
  const days = certificateEnds === undefined ? soonDays : (certificateEnds.getTime() - Date.now()) / dayMs;
  if (certificateEnds === undefined || days >= soonDays) return [];
  const what = `the certificate of ${name} ends in ${Math.floor(days)} days`;
  return [
    warning(
      what,
      `on ${certificateEnds.toISOString()}; pulls fail from then on`,
      "have its operator renew it",
    ),
  ];
}

/** What a failure's code means, and what helps. */
function explain({ failure, base, certificateEnds }: HostProbe, { registry, certsDir }: Surroundings) {
  const { host, hostname } = new URL(base);
  const ownAuthority = `put its authority's certificate into ${join(certsDir, registry)} and name it as ca in hosts.toml`;
  switch (failure?.code) {
    case "CERT_HAS_EXPIRED":
      return {
        what: `its certificate has expired on ${certificateEnds?.toISOString()}`,
        remedy: "have its operator renew it; if this node's clock is wrong, set that (berth doctor clock)",
      };
    case "CERT_NOT_YET_VALID":
      return {
        what: "its certificate is not valid yet",
        remedy: "look at this node's clock: berth doctor clock",
      };
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return {
        what: "its certificate is from an authority that this node does not trust",
        remedy: ownAuthority,
      };
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return {
        what: "its certificate is for another name",
        remedy: `ask it by a name that its certificate has, or have ${hostname} added to that`,
      };
    case "ECONNREFUSED":
      return {
        what: "nobody listens there",
        remedy: `start it, or correct its port; from this node: curl -v ${base}/`,
      };
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return {
        what: `the name ${hostname} can't be resolved`,
        remedy: `look at /etc/resolv.conf; getent hosts ${hostname}`,
      };
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return {
        what: "it does not answer",
        remedy: `look for a firewall, a missing route or proxy (HTTPS_PROXY) between: curl -v ${base}/`,
      };
    case "EPROTO":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
      return {
        what: "it does not speak TLS",
        remedy: `if that is meant: server = "http://${host}" in ${join(certsDir, registry, "hosts.toml")}`,
      };
    case "ENOENT":
      return {
        what: "a certificate or key that hosts.toml names is missing",
        remedy: "berth doctor certificates",
      };
    default:
      return { what: "it can't be reached", remedy: `from this node: curl -v ${base}/` };
  }
}
