import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";

/** A TLS server whose certificate is by itself. */
export interface SelfSignedServer extends AsyncDisposable {
  readonly url: string;
  /** The file of its certificate. */
  readonly certificate: string;
}

/**
 * Starts one on 127.0.0.1 that answers 404 to all; its key and certificate are kept in `directory`.
 *
 * @param name whom the certificate is for: `IP:127.0.0.1`, `DNS:other.example`
 */
export async function startSelfSignedServer(directory: string, name: string): Promise<SelfSignedServer> {
  const [certificate, key] = [join(directory, "server.crt"), join(directory, "server.key")];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
  const named = ["-subj", "/CN=registry", "-addext", `subjectAltName=${name}`];
  execFileSync("openssl", ["req", "-x509", ...kind, ...named, "-keyout", key, "-out", certificate], {
    stdio: "ignore",
  });
  const pair = { cert: readFileSync(certificate), key: readFileSync(key) };
  const server = createServer(pair, (_request, response) => response.writeHead(404).end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    url: `https://127.0.0.1:${typeof address === "object" ? address?.port : 0}`,
    certificate,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
