import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TestDaemon } from "./daemon.ts";

/** A pod as kubectl asks for it, and what it is to the runtime. */
export interface ServedPod {
  readonly name: string;
  readonly sandboxId: string;
  /** Ids by name. */
  readonly containers: Readonly<
    Record<string, { readonly id: string; readonly tty?: boolean; readonly stdin?: boolean }>
  >;
}

/**
 * As much of a Kubernetes API server and kubelet as `kubectl exec`, `attach`, `port-forward` and `cp` need: it asks the
 * runtime for a stream's URL and passes the client's upgrade through to there, byte by byte.
 */
export class KubeApi {
  readonly #server: Server;
  readonly #daemon: TestDaemon;
  readonly #pods: ReadonlyMap<string, ServedPod>;

  private constructor(daemon: TestDaemon, pods: readonly ServedPod[]) {
    this.#daemon = daemon;
    this.#pods = new Map(pods.map((pod) => [pod.name, pod]));
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.on("upgrade", (request, socket, head) => {
      this.#pass(request, socket, head).catch(() => socket.destroy());
    });
  }

  static async start(daemon: TestDaemon, pods: readonly ServedPod[]): Promise<KubeApi> {
    const api = new KubeApi(daemon, pods);
    await new Promise<void>((resolve) => api.#server.listen(0, "127.0.0.1", resolve));
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer({ url = "" }: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(url, this.url);
    const pod = this.#pods.get(/^\/api\/v1\/namespaces\/default\/pods\/([^/]+)$/.exec(pathname)?.[1] ?? "");
    const body = pod === undefined ? discovery[pathname] : podObject(pod);
    response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(body ?? { kind: "Status", apiVersion: "v1", status: "Failure", code: 404 }));
  }

  async #pass(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    const target = new URL(await this.#streamUrl(new URL(request.url ?? "", this.url)));
    const runtime = connect(Number(target.port), target.hostname);
    const lines = request.rawHeaders.flatMap((name, index, all) =>
      index % 2 === 0 ? [`${name}: ${all[index + 1]}`] : [],
    );
    runtime.write(`${request.method} ${target.pathname} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    runtime.write(head);
    join(client, runtime);
  }

  async #streamUrl({ pathname, searchParams }: URL): Promise<string> {
    const [, name = "", call] = /^\/api\/v1\/namespaces\/default\/pods\/([^/]+)\/(\w+)$/.exec(pathname) ?? [];
    const pod = this.#pods.get(name);
    if (pod === undefined) throw new Error(`no pod ${name}`);
    const { pods } = this.#daemon;
    if (call === "portforward")
      return (await pods.portForward({ podSandboxId: pod.sandboxId, port: [] })).url;
    const container = pod.containers[searchParams.get("container") ?? ""] ?? Object.values(pod.containers)[0];
    const flag = (key: string) => searchParams.get(key) === "true";
    const wanted = { tty: flag("tty"), stdin: flag("stdin"), stdout: flag("stdout"), stderr: flag("stderr") };
    const streams = { containerId: container?.id ?? "", ...wanted };
    if (call === "attach") return (await pods.attach(streams)).url;
    return (await pods.exec({ ...streams, cmd: searchParams.getAll("command") })).url;
  }
}

function join(client: Duplex, runtime: Socket): void {
  client.pipe(runtime).pipe(client);
  for (const [one, other] of [
    [client, runtime],
    [runtime, client],
  ] as const) {
    one.on("error", () => other.destroy());
    one.on("close", () => other.destroy());
  }
}

function podObject({ name, containers }: ServedPod) {
  return {
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name, namespace: "default", uid: name },
    spec: { containers: Object.entries(containers).map(([name, { id: _, ...more }]) => ({ name, ...more })) },
    status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
  };
}

const podResource = {
  name: "pods",
  singularName: "pod",
  namespaced: true,
  kind: "Pod",
  verbs: ["get", "list"],
};
const discovery: Readonly<Record<string, unknown>> = {
  "/api": { kind: "APIVersions", versions: ["v1"] },
  "/apis": { kind: "APIGroupList", apiVersion: "v1", groups: [] },
  "/api/v1": { kind: "APIResourceList", groupVersion: "v1", resources: [podResource] },
};
