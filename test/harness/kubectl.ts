import { type ChildProcess, execFile, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KubeApi } from "./kube-api.ts";
import { patience } from "./patience.ts";

/** What kubectl ended with; output one character for each byte. */
export interface KubectlResult {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** The machine's kubectl, which knows nothing but a test's API server. Versions without WebSocket use SPDY either way. */
export class Kubectl {
  readonly #api: KubeApi;
  readonly #directory: string;
  readonly #env: NodeJS.ProcessEnv;

  /** @param directory where it may keep what it wants to remember */
  constructor(api: KubeApi, directory: string, transport: "SPDY" | "WebSocket") {
    this.#api = api;
    this.#directory = directory;
    const webSockets = String(transport === "WebSocket");
    this.#env = {
      ...process.env,
      KUBECTL_REMOTE_COMMAND_WEBSOCKETS: webSockets,
      KUBECTL_PORT_FORWARD_WEBSOCKETS: webSockets,
    };
    writeFileSync(join(directory, "kubeconfig"), "");
  }

  #command(args: readonly string[]): [string, ...string[]] {
    const options = ["--kubeconfig", join(this.#directory, "kubeconfig"), "--server", this.#api.url];
    return ["kubectl", ...options, "--cache-dir", join(this.#directory, "kube-cache"), ...args];
  }

  /** Starts a command that goes on until it is ended. */
  start(...args: readonly string[]): ChildProcess {
    const [program, ...rest] = this.#command(args);
    return spawn(program, rest, { env: this.#env });
  }

  run(args: readonly string[], input: string | Buffer = ""): Promise<KubectlResult> {
    return new Promise((resolve) => {
      const [program, ...rest] = this.#command(args);
      const options = {
        env: this.#env,
        timeout: 60_000 * patience,
        encoding: "latin1",
        maxBuffer: 1 << 28,
      } as const;
      const child = execFile(program, rest, options, (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      );
      child.stdin?.on("error", () => undefined).end(input);
    });
  }

  /** Runs it at a terminal of 33 rows and 99 columns. @returns what that shows; `type` is called with all shown so far */
  atTerminal(
    args: readonly string[],
    type: (shown: string) => string | undefined = () => undefined,
  ): Promise<string> {
    const words = this.#command(args).map((word) => `'${word}'`);
    return new Promise((resolve) => {
      const child = execFile(
        "script",
        ["-qec", `stty rows 33 cols 99; ${words.join(" ")}`, "/dev/null"],
        { env: this.#env, timeout: 60_000 * patience },
        (_, stdout) => {
          clearInterval(typing);
          resolve(stdout);
        },
      );
      let shown = "";
      child.stdout?.on("data", (data) => (shown += data));
      child.stdin?.on("error", () => undefined);
      // again and again: before the terminal is joined, nobody hears it
      const typing = setInterval(() => {
        const keys = type(shown);
        if (keys !== undefined) child.stdin?.write(keys);
      }, 300);
    });
  }
}
