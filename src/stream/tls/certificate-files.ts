import { readFileSync, statSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import type { KeyPair } from "../../wire/x509/self-signed.ts";
import { type CertificateSource, checkedCertificate } from "./certificate.ts";

/**
 * A certificate in the operator's files, read again when one of them has changed: `read` looks at both, which takes
 * microseconds, so that nothing has to be watched.
 */
export function certificateFiles(certFile: string, keyFile: string): CertificateSource {
  let last: { readonly marks: string; readonly pair: KeyPair } | undefined;
  return {
    read() {
      const marks = `${markOf(certFile, "certFile")} ${markOf(keyFile, "keyFile")}`;
      if (last?.marks === marks) return last.pair;
      const pair = { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
      try {
        checkedCertificate(pair);
      } catch (error) {
        throw new Fault("unavailable", `streaming.certFile ${certFile} with streaming.keyFile ${keyFile}`, {
          cause: error,
          hint: "a certificate and its key, in PEM; they are read again as soon as they change",
        });
      }
      last = { marks, pair };
      return pair;
    },
  };
}

/** Tells one state of a file from the next, through the links that secrets in volumes are. */
function markOf(file: string, setting: string): string {
  try {
    const { ino, size, mtimeNs } = statSync(file, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    throw new Fault("unavailable", `streaming.${setting} ${file}`, { cause: error });
  }
}
