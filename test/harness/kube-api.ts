import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TestDaemon } from "./daemon.ts";
import { type EphemeralContainer, runEphemeral } from "./kube-debug.ts";
import { readLog } from "./kube-logs.ts";
import type { MadePod } from "./pods.ts";

/** A pod as kubectl asks for it, and what it is to the runtime. */
export interface ServedPod {
  readonly name: string;
  readonly pod: MadePod;
  /** By name. */
  readonly containers: Readonly<Record<string, ServedContainer>>;
}

interface ServedContainer {
  readonly id: string;
  readonly tty?: boolean;
  readonly stdin?: boolean;
}

/**
 * As much of a Kubernetes API server and kubelet as `kubectl exec`, `attach`, `port-forward`, `cp`, `logs` and `debug` need:
 * it asks the runtime for a stream's URL and passes the client's upgrade through to there, byte by byte.
 */
export class KubeApi {
  readonly #server: Server;
  readonly #daemon: TestDaemon;
  readonly #pods: ReadonlyMap<string, ServedPod>;
  /** Those that `kubectl debug` added, and what they run as, by pod. */
  readonly #ephemeral = new Map<string, { wanted: EphemeralContainer; id: string }[]>();

  private constructor(daemon: TestDaemon, pods: readonly ServedPod[]) {
    this.#daemon = daemon;
    this.#pods = new Map(pods.map((pod) => [pod.name, pod]));
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else response.writeHead(500, { "content-type": "application/json" }).end(failure(500, String(error)));
      });
    });
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

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "", this.url);
    const [, name = "", call] = podPath.exec(pathname) ?? [];
    const pod = this.#pods.get(name);
    if (pod !== undefined && call === "log") {
      const query = {
        follow: searchParams.get("follow") === "true",
        timestamps: searchParams.get("timestamps") === "true",
        tail: searchParams.has("tailLines") ? Number(searchParams.get("tailLines")) : undefined,
      };
      const lines = readLog(this.#daemon, this.#containerOf(pod, searchParams)?.id ?? "", query);
      response.writeHead(200, { "content-type": "text/plain" });
      for await (const text of lines) if (!response.write(text, "latin1")) await once(response, "drain");
      response.end();
      return;
    }
    if (pod !== undefined && call === "ephemeralcontainers" && request.method !== "GET")
      await this.#debug(pod, await bodyOf(request));
    const body = this.#bodyFor(pathname, pod, request.method === "PATCH" ? undefined : call);
    response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" });
    if (searchParams.get("watch") === "true")
      response.flushHeaders(); // nothing changes: the list said it all
    else response.end(body === undefined ? failure(404, pathname) : JSON.stringify(body));
  }

  #bodyFor(pathname: string, pod: ServedPod | undefined, call: string | undefined): unknown {
    if (pod !== undefined && call === undefined) return this.#podObject(pod);
    if (pod !== undefined && call === "ephemeralcontainers") {
      const added = this.#ephemeral.get(pod.name)?.map(({ wanted }) => wanted) ?? [];
      // the kind of its own that clients before 1.23 get and put; later ones patch the pod
      return { ...this.#podObject(pod), kind: "EphemeralContainers", ephemeralContainers: added };
    }
    if (pathname === "/api/v1/namespaces/default/pods") {
      const items = Array.from(this.#pods.values(), (one) => this.#podObject(one));
      return { kind: "PodList", apiVersion: "v1", metadata: { resourceVersion: "1" }, items };
    }
    return discovery[pathname];
  }

  /** Runs what a patch or an update adds. */
  async #debug(pod: ServedPod, text: string): Promise<void> {
    const body = JSON.parse(text) as { spec?: Added } & Added;
    const known = this.#ephemeral.get(pod.name) ?? [];
    this.#ephemeral.set(pod.name, known);
    for (const wanted of body.spec?.ephemeralContainers ?? body.ephemeralContainers ?? []) {
      if (known.some((one) => one.wanted.name === wanted.name)) continue;
      known.push({ wanted, id: await runEphemeral(this.#daemon, pod, wanted) });
    }
  }

  #containerOf(pod: ServedPod, query: URLSearchParams): ServedContainer | undefined {
    const name = query.get("container") ?? "";
    const added = this.#ephemeral.get(pod.name)?.find(({ wanted }) => wanted.name === name);
    return added ?? pod.containers[name] ?? Object.values(pod.containers)[0];
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
    const [, name = "", call] = podPath.exec(pathname) ?? [];
    const pod = this.#pods.get(name);
    if (pod === undefined) throw new Error(`no pod ${name}`);
    const { pods } = this.#daemon;
    if (call === "portforward")
      return (await pods.portForward({ podSandboxId: pod.pod.id, port: portsIn(searchParams) })).url;
    const container = this.#containerOf(pod, searchParams);
    const flag = (key: string) => searchParams.get(key)?.toLowerCase() === "true"; // as Python writes it, too
    const wanted = { tty: flag("tty"), stdin: flag("stdin"), stdout: flag("stdout"), stderr: flag("stderr") };
    const streams = { containerId: container?.id ?? "", ...wanted };
    if (call === "attach") return (await pods.attach(streams)).url;
    return (await pods.exec({ ...streams, cmd: searchParams.getAll("command") })).url;
  }

  #podObject({ name, containers }: ServedPod) {
    const added = this.#ephemeral.get(name) ?? [];
    const state = { running: { startedAt: "2020-01-01T00:00:00Z" } };
    return {
      kind: "Pod",
      apiVersion: "v1",
      metadata: { name, namespace: "default", uid: name, resourceVersion: "1" },
      spec: {
        containers: Object.entries(containers).map(([name, { id: _, ...more }]) => ({ name, ...more })),
        ephemeralContainers: added.map(({ wanted }) => wanted),
      },
      status: {
        phase: "Running",
        conditions: [{ type: "Ready", status: "True" }],
        ephemeralContainerStatuses: added.map(({ wanted: { name } }) => ({ name, state })),
      },
    };
  }
}

/** What `kubectl debug` sends: a patch of the pod, or, before 1.23, an object of its own. */
interface Added {
  readonly ephemeralContainers?: readonly EphemeralContainer[];
}

/** Its name, and what is asked of it. */
const podPath = /^\/api\/v1\/namespaces\/default\/pods\/([^/]+)(?:\/(\w+))?$/;

function failure(code: number, message: string): string {
  return JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", code, message });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const data of request) text += data;
  return text;
}

/** Those that a client names with its call. */
function portsIn(query: URLSearchParams): number[] {
  return query.getAll("ports").flatMap((list) => list.split(",").map(Number));
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
