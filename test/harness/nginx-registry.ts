import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ownPort } from "../../src/linux/testing/own-port.ts";

/** How nginx is to stand in for a registry that has something wrong with it. */
export interface FrontOptions {
  /** Its clock and the one its certificate is made by, as faketime(1) takes them: "+3d", "2020-01-01 00:00:00". */
  readonly clock?: string;
  readonly certificateMade?: string;
  /** Speaks TLS with a certificate of its own, which is its own authority. */
  readonly tls?: boolean;
  /** The status of every answer. */
  readonly status?: number;
}

/** Debian's nginx where a registry is expected. */
export class NginxRegistry {
  /** As in `127.0.0.1:40123`. */
  readonly host: string;
  /** Path of its certificate. */
  readonly certificate: string;
  readonly #directory: string;
  readonly #child: ChildProcess;

  private constructor(directory: string, host: string, child: ChildProcess) {
    this.#directory = directory;
    this.host = host;
    this.certificate = join(directory, "certificate.pem");
    this.#child = child;
  }

  static async start({
    clock,
    certificateMade,
    tls = false,
    status = 401,
  }: FrontOptions): Promise<NginxRegistry> {
    const directory = mkdtempSync("/tmp/berth-nginx-");
    mkdirSync(join(directory, "body"));
    makeCertificate(directory, certificateMade);
    const port = await ownPort();
    writeFileSync(
      join(directory, "nginx.conf"),
      configOf(directory, `127.0.0.1:${port}${tls ? " ssl" : ""}`, status),
    );
    const nginx = ["nginx", "-c", join(directory, "nginx.conf"), "-e", join(directory, "error.log")];
    const [program = "", ...args] = clock === undefined ? nginx : ["faketime", "-f", clock, ...nginx];
    const child = spawn(program, args, { stdio: "ignore" });
    const registry = new NginxRegistry(directory, `127.0.0.1:${port}`, child);
    await registry.#untilListening(port);
    return registry;
  }

  async #untilListening(port: number): Promise<void> {
    for (let tries = 0; tries < 500; tries++) {
      if (this.#child.exitCode !== null) throw new Error(`nginx ended with ${this.#child.exitCode}`);
      if (await takesConnections(port)) return;
      await sleep(20);
    }
    await this.close();
    throw new Error("nginx does not answer");
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = new Promise((resolve) => this.#child.once("exit", resolve));
      // faketime stays and waits for it: to end that alone would leave nginx behind
      process.kill(Number(readFileSync(join(this.#directory, "pid"), "utf8")), "SIGTERM");
      await gone;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Valid for 30 days from when it is made. */
function makeCertificate(directory: string, made: string | undefined): void {
  const openssl = [
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
  ];
  const names = ["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "30"];
  const files = ["-keyout", join(directory, "key.pem"), "-out", join(directory, "certificate.pem")];
  const command = [...(made === undefined ? [] : ["faketime", "-f", made]), ...openssl, ...names, ...files];
  execFileSync(command[0] ?? "", command.slice(1), { stdio: "pipe" });
}

function configOf(directory: string, listen: string, status: number): string {
  return `daemon off;
master_process off;
pid ${directory}/pid;
error_log ${directory}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  server {
    listen ${listen};
    ssl_certificate ${directory}/certificate.pem;
    ssl_certificate_key ${directory}/key.pem;
    location / { return ${status}; }
  }
}
`;
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new Socket();
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true)).once("error", () => end(false));
    socket.connect(port, "127.0.0.1");
  });
}
