import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { readRegistryHosts } from "../../../spec/registry-hosts-file.ts";
import { type Finding, note, ok, problem, warning } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { configuredRegistries } from "../probe-registry.ts";

const dayMs = 86_400_000;
const soonDays = 14;
const readableByOthers = 0o044;

/** The certificates and keys that certs.d names: there, readable, valid today, and fitting one another. */
export async function checkCertificates({ config }: NodeView): Promise<Finding[]> {
  const certsDir = config.registry.configPath;
  const names = await configuredRegistries(certsDir);
  const all = await Promise.all(
    names.map((name) => readRegistryHosts(certsDir, name).catch(() => [])), // told by the registries' check
  );
  const files = all.flat().map(({ tls }) => tls);
  const authorities = new Set(files.flatMap(({ ca = [] }) => ca));
  const clients = new Map(files.flatMap(({ client = [] }) => client).map((pair) => [pair.cert, pair.key]));
  if (authorities.size + clients.size === 0) return [note(`${certsDir} names no certificates`)];
  const found = await Promise.all([
    ...[...authorities].map((file) => judgeFile(file, undefined)),
    ...[...clients].map(([cert, key]) => judgeFile(cert, key)),
  ]);
  return found.flat();
}

async function judgeFile(file: string, key: string | undefined): Promise<Finding[]> {
  let certificates: X509Certificate[];
  try {
    certificates = certificatesIn(await readFile(file, "utf8"));
  } catch (error) {
    return [unusable(file, error)];
  }
  const [first] = certificates;
  if (first === undefined) return [unusable(file, new Error("it holds no certificate in PEM form"))];
  const dates = certificates.flatMap((certificate) => judgeDates(file, certificate));
  const pair = key === undefined ? [] : await judgeKey(first, file, key);
  const found = [...dates, ...pair];
  return found.length === 0 ? [ok(`${file}: valid until ${earliestEnd(certificates)}`)] : found;
}

function certificatesIn(pem: string): X509Certificate[] {
  const blocks =
    pem.match(/-----BEGIN (TRUSTED )?CERTIFICATE-----[^-]+-----END (TRUSTED )?CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

function unusable(file: string, error: unknown): Finding {
  const said = error instanceof Error ? error.message : String(error);
  const why = `${said}; pulls from that registry fail`;
  return problem(`${file} can't be used`, why, "put the right file there, or correct its name in hosts.toml");
}

function judgeDates(file: string, { validFromDate, validToDate, subject }: X509Certificate): Finding[] {
  const now = Date.now();
  const who = subject.replaceAll("\n", ", ");
  const days = (validToDate.getTime() - now) / dayMs;
  if (days < 0) {
    const what = `${file}: the certificate of ${who} has expired on ${validToDate.toISOString()}`;
    return [
      problem(
        what,
        "pulls from that registry fail",
        `put a renewed one there: it counts from the next pull on`,
      ),
    ];
  }
  if (validFromDate.getTime() > now) {
    const what = `${file}: the certificate of ${who} is valid from ${validFromDate.toISOString()} only`;
    return [problem(what, "pulls from that registry fail", "look at this node's clock: berth doctor clock")];
  }
  if (days >= soonDays) return [];
  const what = `${file}: the certificate of ${who} ends in ${Math.floor(days)} days`;
  return [
    warning(what, `on ${validToDate.toISOString()}`, "renew it before: it counts from the next pull on"),
  ];
}

async function judgeKey(certificate: X509Certificate, cert: string, file: string): Promise<Finding[]> {
  const found: Finding[] = [];
  try {
    const key = createPrivateKey(await readFile(file));
    if (!certificate.checkPrivateKey(key)) {
      const remedy = "put the key there that the certificate was made with";
      found.push(problem(`${file} is not the key of ${cert}`, "pulls from that registry fail", remedy));
    }
    if (((await stat(file)).mode & readableByOthers) !== 0) {
      const why = "whoever reads it can pull as this node does";
      found.push(warning(`the key ${file} is readable for others`, why, `chmod 0600 ${file}`));
    }
  } catch (error) {
    found.push(unusable(file, error));
  }
  return found;
}

function earliestEnd(certificates: readonly X509Certificate[]): string {
  const ends = certificates.map(({ validToDate }) => validToDate.getTime());
  return new Date(Math.min(...ends)).toISOString().slice(0, 10);
}
