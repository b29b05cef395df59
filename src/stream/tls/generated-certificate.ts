import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { Fault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import { type KeyPair, selfSigned } from "../../wire/x509/self-signed.ts";
import { type CertificateSource, checkedCertificate } from "./certificate.ts";

const dayMs: Ms = 86_400_000;
const validDays = 365;
/** A new one is made so long before the old one ends. */
const renewDays = 30;
/** Clocks of others may be behind. */
const earlierMs: Ms = 3_600_000;

/**
 * A certificate of the daemon's own, for this host's names and addresses. It is kept in `directory` over restarts, so that
 * others can be told to trust it, and made again before it ends or when the server listens at an address that it is not
 * for.
 *
 * @param address what clients connect to
 */
export function generatedCertificate(directory: string, address: string): CertificateSource {
  let last: { readonly pair: KeyPair; readonly from: number; readonly until: number } | undefined;
  return {
    read() {
      const now = Date.now();
      // Made while the clock was ahead, it is not valid yet once that is set right.
      if (last !== undefined && last.from <= now && last.until - now > renewDays * dayMs) return last.pair;
      const pair = keptPair(directory, address, now) ?? newPair(directory, address, now);
      const { validFromDate, validToDate } = checkedCertificate(pair);
      last = { pair, from: validFromDate.getTime(), until: validToDate.getTime() };
      return pair;
    },
  };
}

const files = (directory: string) => ({
  cert: join(directory, "cert.pem"),
  key: join(directory, "key.pem"),
});

/** Undefined: there is none that is good for a while. */
function keptPair(directory: string, address: string, now: number): KeyPair | undefined {
  const { cert, key } = files(directory);
  try {
    const pair = { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
    const certificate = checkedCertificate(pair);
    const left = certificate.validToDate.getTime() - now;
    const isForIt = certificate.checkIP(address) !== undefined;
    return isForIt && left > renewDays * dayMs && certificate.validFromDate.getTime() <= now
      ? pair
      : undefined;
  } catch {
    return undefined; // none yet, or half of one
  }
}

function newPair(directory: string, address: string, now: number): KeyPair {
  const pair = selfSigned({
    commonName: `berth streams on ${hostname()}`,
    names: namesFor(address),
    from: new Date(now - earlierMs),
    until: new Date(now + validDays * dayMs),
  });
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const [kind, file] of Object.entries(files(directory))) {
      writeFileSync(`${file}.new`, pair[kind as keyof KeyPair], { mode: 0o600 });
      renameSync(`${file}.new`, file);
    }
  } catch (error) {
    throw new Fault("unavailable", `keeping a certificate for streams in ${directory}`, { cause: error });
  }
  return pair;
}

function namesFor(address: string): string[] {
  const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const addresses = own.filter(({ scopeid }) => !scopeid).map((one) => one.address); // none that need a zone
  return [...new Set([hostname(), "localhost", "127.0.0.1", "::1", address, ...addresses])];
}
