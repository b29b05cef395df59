import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { ownPort } from "../../src/linux/testing/own-port.ts";
import { AuthConfig } from "../../src/wire/gen/runtime.v1.ts";
import { artifactArchive, type MadeArtifact } from "../images/artifact.ts";
import { type ImageRecipe, writeOciArchive } from "../images/image.ts";
import { patience } from "./patience.ts";
import { eventually } from "./pods.ts";

/** In the combined format of Apache. */
const accessLog = "access.log";

/** Debian's docker-registry on loopback, over TLS with a certificate authority of its own, and basic auth. */
export class TestRegistry {
  /** As in `127.0.0.1:40123`. */
  readonly host: string;
  readonly username = "mary";
  readonly password = "had a little lamb";
  /** The two, as a pull gives them. */
  readonly auth = AuthConfig.create({ username: this.username, password: this.password });
  /** Path of the authority's certificate. */
  readonly authority: string;
  readonly #directory: string;
  readonly #child: ChildProcess;

  private constructor(directory: string, host: string, child: ChildProcess) {
    this.#directory = directory;
    this.host = host;
    this.#child = child;
    this.authority = join(directory, "certs", "ca.crt");
  }

  /** @param at the port, where others have to know it beforehand */
  static async start(at?: number): Promise<TestRegistry> {
    const directory = mkdtempSync("/tmp/berth-registry-");
    const port = at ?? (await ownPort());
    makeCertificates(join(directory, "certs"));
    const htpasswd = execFileSync("htpasswd", ["-Bbn", "mary", "had a little lamb"], { encoding: "utf8" });
    writeFileSync(join(directory, "htpasswd"), htpasswd);
    writeFileSync(join(directory, "config.yml"), configOf(directory, port));
    const log = openSync(join(directory, accessLog), "a");
    const child = spawn("docker-registry", ["serve", join(directory, "config.yml")], {
      stdio: ["ignore", log, "ignore"],
    });
    closeSync(log);
    const registry = new TestRegistry(directory, `127.0.0.1:${port}`, child);
    try {
      await untilListening(port, child);
    } catch (error) {
      await registry.close();
      throw error;
    }
    return registry;
  }

  /** Builds and pushes. @returns the reference to pull it by */
  async push(recipe: Omit<ImageRecipe, "name">, repositoryAndTag: string): Promise<string> {
    const reference = `${this.host}/${repositoryAndTag}`;
    await writeOciArchive({ ...recipe, name: reference }, this.#archive);
    return this.#copy(reference);
  }

  /** Pushes an artifact as it is. @returns the reference to pull it by */
  pushArtifact(artifact: MadeArtifact, repositoryAndTag: string): string {
    const reference = `${this.host}/${repositoryAndTag}`;
    writeFileSync(this.#archive, artifactArchive(artifact, reference));
    return this.#copy(reference);
  }

  get #archive(): string {
    return join(this.#directory, "push.tar");
  }

  #copy(reference: string): string {
    execFileSync("skopeo", [
      "copy",
      "--quiet",
      "--insecure-policy",
      `--dest-creds=${this.username}:${this.password}`,
      `--dest-cert-dir=${join(this.#directory, "certs")}`,
      `oci-archive:${this.#archive}`,
      `docker://${reference}`,
    ]);
    return reference;
  }

  /**
   * Waits until it has noted all that it was asked for, by clients that are gone: it notes an answer after the client has had the last
   * of it, and before it lets go of the connection.
   */
  async settled(): Promise<void> {
    const port = Number(this.host.split(":")[1]).toString(16).toUpperCase().padStart(4, "0");
    const held = new RegExp(`^ *\\d+: 0100007F:${port} \\S+ 0[18] `, "m"); // established, or left by the client
    await eventually("the registry to have ended its answers", 30_000, async () =>
      held.test(readFileSync("/proc/net/tcp", "latin1")) ? undefined : true,
    );
  }

  /** What was sent of each blob so far, by its digest; of answers that have just ended some may not be noted yet (`settled`). */
  sent(): Map<string, number> {
    const sent = new Map<string, number>();
    const lines = readFileSync(join(this.#directory, accessLog), "utf8");
    for (const [, digest = "", bytes] of lines.matchAll(
      /"GET \S+\/blobs\/(sha256:[0-9a-f]{64}) [^"]*" 20\d (\d+)/g,
    ))
      sent.set(digest, (sent.get(digest) ?? 0) + Number(bytes));
    return sent;
  }

  /** Tells a daemon whose authority to trust, in its directory of registry hosts. */
  trustIn(certsDir: string): void {
    const directory = join(certsDir, this.host);
    mkdirSync(directory, { recursive: true });
    writeFileSync(
      join(directory, "hosts.toml"),
      `server = "https://${this.host}"\nca = "${this.authority}"\n`,
    );
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = new Promise((resolve) => this.#child.once("exit", resolve));
      this.#child.kill("SIGKILL");
      await gone;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function makeCertificates(directory: string): void {
  mkdirSync(directory);
  const at = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    at("ca-key.pem"),
    "-out",
    at("ca.crt"),
    "-subj",
    "/CN=test authority",
  );
  openssl("req", ...key, "-keyout", at("server-key.pem"), "-out", at("server.csr"), "-subj", "/CN=registry");
  writeFileSync(at("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
  const signer = ["-CA", at("ca.crt"), "-CAkey", at("ca-key.pem"), "-CAcreateserial", "-days", "30"];
  openssl(
    "x509",
    "-req",
    "-in",
    at("server.csr"),
    ...signer,
    "-extfile",
    at("names"),
    "-out",
    at("server.pem"),
  );
}

function configOf(directory: string, port: number): string {
  return `version: 0.1
log: {level: error, accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: ${directory}/data}, delete: {enabled: true}}
auth: {htpasswd: {realm: test, path: ${directory}/htpasswd}}
http:
  addr: 127.0.0.1:${port}
  tls: {certificate: ${directory}/certs/server.pem, key: ${directory}/certs/server-key.pem}
`;
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 500 * patience; tries++) {
    if (child.exitCode !== null) throw new Error(`docker-registry ended with ${child.exitCode}`);
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
      socket.once("secureConnect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("secureConnect", () => socket.destroy());
    });
    if (isUp) return;
    await sleep(20);
  }
  throw new Error("docker-registry does not answer");
}
