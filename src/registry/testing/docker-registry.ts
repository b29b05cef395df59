import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";

/** How a registry for a test is to be set up. */
export interface RegistrySetup {
  /** With a certificate of its own authority, for 127.0.0.1 and localhost. */
  readonly tls?: boolean;
  readonly basicAuth?: { readonly username: string; readonly password: string };
  /** Where it keeps what it holds: in a directory that stays, instead of one that goes with it. */
  readonly storage?: string;
}

/** Debian's docker-registry on a port of its own. */
export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:40123`. */
  readonly host: string;
  readonly url: string;
  /** The authority's certificate, when it speaks TLS. */
  readonly ca: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** Why such a registry can't be had here; undefined: it can. */
export function missingRegistry(): string | undefined {
  return missingProgram("docker-registry", "openssl", "htpasswd");
}

/** Which of the programs is not installed; undefined: they all are. */
export function missingProgram(...programs: readonly string[]): string | undefined {
  for (const program of programs) {
    try {
      execFileSync("which", [program], { stdio: "ignore" });
    } catch {
      return `${program} is not installed`;
    }
  }
  return undefined;
}

/** Starts a registry; it is gone, and what it holds unless the setup says where, when it is disposed of. */
export async function startRegistry(setup: RegistrySetup = {}): Promise<TestRegistry> {
  const directory = mkdtempSync(join(tmpdir(), "berth-registry-"));
  const ca = setup.tls ? makeCertificates(directory) : undefined;
  const config = join(directory, "config.json");
  writeFileSync(config, JSON.stringify(configOf(directory, setup)));
  const child = spawn("docker-registry", ["serve", config], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const port = await toldPort(child.stderr);
  const { username, password } = setup.basicAuth ?? {};
  const pair = Buffer.from(`${username}:${password}`).toString("base64");
  return {
    host: `127.0.0.1:${port}`,
    url: `http${setup.tls ? "s" : ""}://127.0.0.1:${port}`,
    ca,
    headers: username === undefined ? {} : { authorization: `Basic ${pair}` },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The port that the kernel gave it, which it tells once it listens. The rest of its log is passed over. */
function toldPort(log: Readable): Promise<number> {
  return new Promise((resolve, reject) => {
    let told = "";
    const onText = (text: string) => {
      told += text;
      const [, port] = /listening on 127\.0\.0\.1:(\d+)/.exec(told) ?? [];
      if (port === undefined) return;
      log.off("data", onText).resume();
      resolve(Number(port));
    };
    log.setEncoding("utf8").on("data", onText);
    log.once("end", () => reject(new Error(`docker-registry has ended: ${told}`)));
  });
}

function configOf(directory: string, setup: RegistrySetup): object {
  const tls = { certificate: join(directory, "server.crt"), key: join(directory, "server.key") };
  const secret = "0".repeat(32);
  return {
    version: "0.1",
    log: { level: "info", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: setup.storage ?? join(directory, "storage") } },
    http: { addr: "127.0.0.1:0", secret, ...(setup.tls ? { tls } : {}) },
    ...(setup.basicAuth === undefined ? {} : { auth: passwordFile(directory, setup.basicAuth) }),
  };
}

function passwordFile(directory: string, user: { username: string; password: string }): object {
  const path = join(directory, "htpasswd");
  // The least cost that bcrypt has: it is a test.
  writeFileSync(path, execFileSync("htpasswd", ["-bnBC", "4", user.username, user.password]));
  return { htpasswd: { realm: "test", path } };
}

/** An authority and a server certificate by it. @returns the authority's certificate */
function makeCertificates(directory: string): string {
  const at = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.crt"),
    "-days",
    "30",
    "-subj",
    "/CN=test authority",
  );
  openssl("req", ...key, "-keyout", at("server.key"), "-out", at("server.csr"), "-subj", "/CN=registry");
  writeFileSync(at("names"), "subjectAltName=IP:127.0.0.1,IP:0.0.0.0,DNS:localhost");
  const by = [
    "-CA",
    at("ca.crt"),
    "-CAkey",
    at("ca.key"),
    "-CAcreateserial",
    "-days",
    "30",
    "-extfile",
    at("names"),
  ];
  openssl("x509", "-req", "-in", at("server.csr"), ...by, "-out", at("server.crt"));
  return at("ca.crt");
}
