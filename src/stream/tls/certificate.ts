import { createPrivateKey, X509Certificate } from "node:crypto";
import type { KeyPair } from "../../wire/x509/self-signed.ts";

/** Where the certificate comes from that the stream server shows. */
export interface CertificateSource {
  /** The same object as long as nothing has changed. @throws {Fault} unavailable, with the file and the reason */
  read(): KeyPair;
}

/**
 * The certificate of a pair that a server can show.
 *
 * @throws {Error} for what is no certificate or no key, and for a key that belongs to another certificate
 */
export function checkedCertificate({ cert, key }: KeyPair): X509Certificate {
  const certificate = new X509Certificate(cert);
  if (!certificate.checkPrivateKey(createPrivateKey(key))) {
    throw new Error("the key is not that of the certificate");
  }
  return certificate;
}
