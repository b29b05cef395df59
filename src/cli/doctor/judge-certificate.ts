import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { type Finding, ok, problem, warning } from "./finding.ts";

const dayMs = 86_400_000;
const soonDays = 14;
const readableByOthers = 0o044;

/** What a certificate is there for. */
export interface CertificateUse {
  /** What happens when it can't be used. */
  readonly fails: string;
  /** What to do when its file is missing or wrong. */
  readonly correct: string;
  /** When one that is put in its place counts. */
  readonly counts: string;
  /** What whoever reads its key can do. */
  readonly exposed: string;
}

/** Certificates in a file, and the key of the first: there, readable, valid today and soon, fitting one another. */
export async function judgeCertificate(
  file: string,
  key: string | undefined,
  use: CertificateUse,
): Promise<Finding[]> {
  let certificates: X509Certificate[];
  try {
    certificates = certificatesIn(await readFile(file, "utf8"));
  } catch (error) {
    return [unusable(file, error, use)];
  }
  const [first] = certificates;
  if (first === undefined) return [unusable(file, new Error("it holds no certificate in PEM form"), use)];
  const dates = certificates.flatMap((certificate) => judgeDates(file, certificate, use));
  const pair = key === undefined ? [] : await judgeKey(first, file, key, use);
  const found = [...dates, ...pair];
  return found.length === 0 ? [ok(`${file}: valid until ${earliestEnd(certificates)}`)] : found;
}

function certificatesIn(pem: string): X509Certificate[] {
  const blocks =
    pem.match(/-----BEGIN (TRUSTED )?CERTIFICATE-----[^-]+-----END (TRUSTED )?CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

function unusable(file: string, error: unknown, { fails, correct }: CertificateUse): Finding {
  const said = error instanceof Error ? error.message : String(error);
  return problem(`${file} can't be used`, `${said}; ${fails}`, correct);
}

function judgeDates(
  file: string,
  { validFromDate, validToDate, subject }: X509Certificate,
  { fails, counts }: CertificateUse,
): Finding[] {
  const now = Date.now();
  const who = subject.replaceAll("\n", ", ");
  const days = (validToDate.getTime() - now) / dayMs;
  if (days < 0) {
    const what = `${file}: the certificate of ${who} has expired on ${validToDate.toISOString()}`;
    return [problem(what, fails, `put a renewed one there: it counts from ${counts} on`)];
  }
  if (validFromDate.getTime() > now) {
    const what = `${file}: the certificate of ${who} is valid from ${validFromDate.toISOString()} only`;
    return [problem(what, fails, "look at this node's clock: berth doctor clock")];
  }
  if (days >= soonDays) return [];
  const what = `${file}: the certificate of ${who} ends in ${Math.floor(days)} days`;
  return [warning(what, `on ${validToDate.toISOString()}`, `renew it before: it counts from ${counts} on`)];
}

async function judgeKey(
  certificate: X509Certificate,
  cert: string,
  file: string,
  use: CertificateUse,
): Promise<Finding[]> {
  const found: Finding[] = [];
  try {
    const key = createPrivateKey(await readFile(file));
    if (!certificate.checkPrivateKey(key)) {
      const remedy = "put the key there that the certificate was made with";
      found.push(problem(`${file} is not the key of ${cert}`, use.fails, remedy));
    }
    if (((await stat(file)).mode & readableByOthers) !== 0) {
      found.push(warning(`the key ${file} is readable for others`, use.exposed, `chmod 0600 ${file}`));
    }
  } catch (error) {
    found.push(unusable(file, error, use));
  }
  return found;
}

function earliestEnd(certificates: readonly X509Certificate[]): string {
  const ends = certificates.map(({ validToDate }) => validToDate.getTime());
  return new Date(Math.min(...ends)).toISOString().slice(0, 10);
}
