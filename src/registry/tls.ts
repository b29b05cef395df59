import { createHash, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext, type SecureContext } from "node:tls";
import { Fault } from "../base/fault.ts";
import type { TlsFiles } from "../spec/registry-host.ts";

/** What was configured of TLS for a host, read and ready for connections. */
export interface TlsSettings {
  /** The same for equal settings with equal files. */
  readonly key: string;
  readonly context: SecureContext;
  readonly verify: boolean;
}

const kept = new Map<string, TlsSettings>();
const keptMax = 32;

/**
 * Reads the files, so that a certificate that was renewed counts from the next pull on.
 *
 * @throws {Fault} invalid when a file can't be read or is no certificate or key
 */
export async function readTls(files: TlsFiles): Promise<TlsSettings> {
  const ca = await Promise.all((files.ca ?? []).map(readPem));
  const client = await Promise.all(
    (files.client ?? []).map(async ({ cert, key }) => ({
      cert: await readPem(cert),
      key: await readPem(key),
    })),
  );
  const verify = files.skipVerify !== true;
  const key = createHash("sha256")
    .update(JSON.stringify([ca, client, verify]))
    .digest("hex");
  const known = kept.get(key);
  if (known !== undefined) return known;
  try {
    const pairs = { cert: client.map((pair) => pair.cert), key: client.map((pair) => pair.key) };
    const context = createSecureContext(client.length === 0 ? {} : pairs);
    for (const certificate of ca.flatMap(certificatesIn)) trustToo(context, certificate);
    const settings = { key, context, verify };
    if (kept.size >= keptMax) kept.delete(kept.keys().next().value ?? "");
    kept.set(key, settings);
    return settings;
  } catch (cause) {
    const named = [
      ...(files.ca ?? []),
      ...(files.client ?? []).flatMap((pair) => [pair.cert, pair.key]),
    ].join(", ");
    throw new Fault("invalid", `the certificates or keys can't be used: ${named}`, { cause });
  }
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new Fault("invalid", `the certificate or key ${file} can't be read`, { cause });
  }
}

function certificatesIn(pem: string): string[] {
  const blocks =
    pem.match(/-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Fault("invalid", "a file holds no certificate in PEM form");
  return blocks.map((block) => new X509Certificate(block).toString());
}

/**
 * Adds an authority to those that the process trusts anyway. The documented way, a whole list as `ca`, parses
 * some hundred certificates for each context: 60 ms on the main thread. This call is what Node makes of that
 * list.
 */
function trustToo(context: SecureContext, certificate: string): void {
  (context.context as { addCACert(pem: string): void }).addCACert(certificate);
}
