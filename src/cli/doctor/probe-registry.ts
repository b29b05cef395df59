import { readdir, readFile } from "node:fs/promises";
import { Agent as PlainAgent, request as plainRequest } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import type { PeerCertificate, TLSSocket } from "node:tls";
import { getCACertificates } from "node:tls";
import { describeFault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import type { RegistryHost, TlsFiles } from "../../spec/registry-host.ts";
import { readRegistryHosts } from "../../spec/registry-hosts-file.ts";
import { proxyFor } from "../../wire/http/proxy.ts";

/** A registry that is well answers in a few hundred milliseconds, wherever it is. */
const answerWithin: Ms = 4000;
/** Of connections to one host; the rest of an answer is not read. */
const noBody = { Accept: "application/json" };

/** What one host of a registry answered. */
export interface HostProbe {
  /** The API's base, as in `https://registry.example/v2`. */
  readonly base: string;
  readonly isMirror: boolean;
  /** The HTTP status of its answer; undefined when there was none. */
  readonly status: number | undefined;
  /** Why there was no answer; what is wrong with its certificate. */
  readonly failure: { readonly code: string; readonly message: string } | undefined;
  /** When its certificate ends; undefined without TLS. */
  readonly certificateEnds: Date | undefined;
  /** Its clock less ours; undefined when it did not tell. */
  readonly clockOffset: Ms | undefined;
}

/** A registry by the name that references have, and the hosts that are asked for it, mirrors first. */
export interface RegistryProbe {
  readonly registry: string;
  readonly hosts: readonly HostProbe[];
  /** What is wrong with its hosts.toml; empty: nothing. */
  readonly mistake: string;
}

/** The registries that have a directory in certs.d; that of `_default` stands for no registry of its own. */
export async function configuredRegistries(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory() && entry.name !== "_default" && !entry.name.startsWith("."))
    .map(({ name }) => name.replace(/^(.*)_([0-9]+)_$/, "$1:$2"));
}

/** Asks every host that berth would ask for images of the registry. Never throws. */
export async function probeRegistry(
  registry: string,
  certsDir: string,
  proxyEnv: NodeJS.ProcessEnv,
): Promise<RegistryProbe> {
  let hosts: readonly RegistryHost[];
  try {
    ({ hosts } = await readRegistryHosts(certsDir, registry));
  } catch (error) {
    return { registry, hosts: [], mistake: describeFault(error) };
  }
  return { registry, hosts: await Promise.all(hosts.map((host) => probeHost(host, proxyEnv))), mistake: "" };
}

async function probeHost(host: RegistryHost, proxyEnv: NodeJS.ProcessEnv): Promise<HostProbe> {
  const first = await ask(host.base, host, proxyEnv);
  // As the pull does: nothing there speaks TLS, and the host is this one.
  const isPlain =
    host.plainBase !== undefined && first.failure !== undefined && /SSL|EPROTO/.test(first.failure.code);
  return isPlain ? await ask(host.plainBase, host, proxyEnv) : first;
}

async function ask(base: string, host: RegistryHost, proxyEnv: NodeJS.ProcessEnv): Promise<HostProbe> {
  const none = { status: undefined, failure: undefined, certificateEnds: undefined, clockOffset: undefined };
  const about = { ...none, base, isMirror: !host.isRegistry };
  const isTls = base.startsWith("https:");
  let agent: PlainAgent | undefined;
  try {
    const chosen = proxyFor(new URL(base), proxyEnv)?.href;
    const proxy = chosen === undefined ? {} : { proxyEnv: { HTTP_PROXY: chosen, HTTPS_PROXY: chosen } };
    agent = isTls ? new TlsAgent({ ...proxy, ...(await tlsOptions(host.tls)) }) : new PlainAgent(proxy);
    return { ...about, ...(await answerOf(new URL(`${base}/`), agent, host.tls.skipVerify === true)) };
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    return { ...about, failure: { code, message } };
  } finally {
    agent?.destroy();
  }
}

/** The system's authorities, as the daemon has them, and the host's own. Certificates are judged after the handshake. */
async function tlsOptions({ ca = [], client = [] }: TlsFiles) {
  const read = (files: readonly string[]) => Promise.all(files.map((file) => readFile(file, "utf8")));
  return {
    rejectUnauthorized: false,
    ca: [...getCACertificates("system"), ...(await read(ca))],
    cert: await read(client.map(({ cert }) => cert)),
    key: await read(client.map(({ key }) => key)),
  };
}

type Answer = Pick<HostProbe, "status" | "failure" | "certificateEnds" | "clockOffset">;

/** Sends no credential and no configured header: whether it answers is seen without. */
function answerOf(url: URL, agent: PlainAgent, skipsVerify: boolean): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const send = url.protocol === "https:" ? tlsRequest : plainRequest;
  const sent = send(url, { agent, headers: noBody }, (answer) => {
    const certificate = certificateOf(answer.socket as TLSSocket, skipsVerify);
    const date = Date.parse(answer.headers.date ?? "");
    answer.destroy();
    resolve({
      status: answer.statusCode,
      clockOffset: Number.isNaN(date) ? undefined : date - Date.now(),
      ...certificate,
    });
  });
  const late = Object.assign(new Error(`no answer within ${answerWithin / 1000} s`), { code: "ETIMEDOUT" });
  const timer = setTimeout(() => sent.destroy(late), answerWithin);
  sent.on("error", reject);
  sent.on("close", () => clearTimeout(timer));
  sent.end();
  return promise;
}

function certificateOf(socket: TLSSocket, skipsVerify: boolean): Pick<Answer, "failure" | "certificateEnds"> {
  if (typeof socket.getPeerCertificate !== "function")
    return { failure: undefined, certificateEnds: undefined };
  const certificate: Partial<PeerCertificate> = socket.getPeerCertificate();
  const ends = certificate.valid_to === undefined ? undefined : new Date(certificate.valid_to);
  const refused = skipsVerify || socket.authorized ? undefined : socket.authorizationError;
  if (refused === undefined || refused === null) return { failure: undefined, certificateEnds: ends };
  const { code = String(refused), message = String(refused) } = refused as NodeJS.ErrnoException;
  return { failure: { code, message }, certificateEnds: ends };
}
