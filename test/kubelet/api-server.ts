import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { merged } from "./merge.ts";

/** An object of the Kubernetes API, of whatever kind. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly [more: string]: unknown;
  };
  readonly [more: string]: unknown;
}

interface Watcher {
  readonly collection: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly response: ServerResponse;
}

/** Where a request leads: to all objects of a kind, or one of them. */
interface Target {
  /** As in `/api/v1/namespaces/default/pods`. */
  readonly collection: string;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/**
 * As much of a Kubernetes API server as a kubelet needs for its pods, with their config maps and secrets: it keeps what it
 * is given, lists and watches. It checks nothing, and takes every kind.
 */
export class ApiServer implements AsyncDisposable {
  readonly #server: Server;
  /** By collection and name; those of all namespaces are found below each. */
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  readonly #watchers = new Set<Watcher>();
  #version = 1;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        if (!response.headersSent) send(response, 500, failure(500, "InternalError", String(error)));
      });
    });
    this.#server.requestTimeout = 0;
  }

  static async start(): Promise<ApiServer> {
    const api = new ApiServer();
    await new Promise<void>((resolve) => api.#server.listen(0, "127.0.0.1", resolve));
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Puts an object there, as its collection's path names it. */
  create(collection: string, given: KubeObject): KubeObject {
    const { namespace } = /\/namespaces\/(?<namespace>[^/]+)\/[^/]+$/.exec(collection)?.groups ?? {};
    const metadata = {
      ...given.metadata,
      ...(namespace === undefined ? {} : { namespace }),
      uid: given.metadata.uid ?? randomUUID(),
      creationTimestamp: new Date().toISOString().replace(/\.\d+/, ""),
    };
    return this.#store(collection, { ...given, metadata }, "ADDED");
  }

  get(collection: string, name: string): KubeObject | undefined {
    return this.#objects.get(collection)?.get(name);
  }

  /** Asks the kubelet to end a pod, as a user's delete would. */
  end(name: string, graceSeconds = 10): void {
    const pod = this.get(podsPath, name);
    if (pod === undefined) return;
    const deletionTimestamp = new Date(Date.now() + graceSeconds * 1000).toISOString().replace(/\.\d+/, "");
    const metadata = { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds: graceSeconds };
    this.#store(podsPath, { ...pod, metadata }, "MODIFIED");
  }

  /** Takes an object away at once. */
  drop(collection: string, name: string): void {
    const there = this.get(collection, name);
    if (there !== undefined) this.#store(collection, there, "DELETED");
  }

  #store(collection: string, object: KubeObject, type: "ADDED" | "MODIFIED" | "DELETED"): KubeObject {
    this.#version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    const all = this.#objects.get(collection) ?? new Map<string, KubeObject>();
    this.#objects.set(collection, all);
    if (type === "DELETED") all.delete(object.metadata.name);
    else all.set(object.metadata.name, stored);
    for (const { collection: wanted, fields, response } of this.#watchers) {
      if (isBelow(collection, wanted) && matches(stored, fields))
        response.write(`${JSON.stringify({ type, object: stored })}\n`);
    }
    return stored;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", this.url);
    const target = targetOf(url.pathname);
    if (target === undefined) return send(response, 404, failure(404, "NotFound", url.pathname));
    if (request.method === "GET" && target.name === undefined) return this.#list(target, url, response);
    const text = Buffer.concat(await request.toArray()).toString();
    const body = text === "" ? undefined : (JSON.parse(text) as KubeObject);
    const [code, answer] = this.#change(request.method ?? "", target, body);
    send(response, code, answer);
  }

  #list({ collection }: Target, { searchParams }: URL, response: ServerResponse): void {
    const fields = new Map(
      (searchParams.get("fieldSelector") ?? "")
        .split(",")
        .filter((term) => /^[\w.]+=/.test(term))
        .map((term) => term.split("=", 2) as [string, string]),
    );
    if (searchParams.get("sendInitialEvents") === "true") {
      send(response, 422, failure(422, "Invalid", "list first, then watch"));
      return;
    }
    if (["true", "1"].includes(searchParams.get("watch") ?? "")) {
      response.writeHead(200, { "content-type": "application/json" });
      response.flushHeaders();
      const watcher = { collection, fields, response };
      this.#watchers.add(watcher);
      response.on("close", () => this.#watchers.delete(watcher));
      return;
    }
    const items = [...this.#objects].flatMap(([at, objects]) =>
      isBelow(at, collection) ? [...objects.values()].filter((object) => matches(object, fields)) : [],
    );
    const [apiVersion, kind] = listKind(collection);
    send(response, 200, { apiVersion, kind, metadata: { resourceVersion: String(this.#version) }, items });
  }

  #change(
    method: string,
    { collection, name = "", subresource }: Target,
    body: KubeObject | undefined,
  ): [number, object] {
    const there = this.get(collection, name);
    if (method === "POST" && name === "" && body !== undefined) return [201, this.create(collection, body)];
    if (there === undefined) return [404, failure(404, "NotFound", `${collection}/${name}`)];
    switch (method) {
      case "GET":
        return [200, there];
      case "PUT":
      case "PATCH": {
        const change = subresource === "status" ? { status: body?.status } : body;
        return [200, this.#store(collection, merged(there, change) as KubeObject, "MODIFIED")];
      }
      case "DELETE":
        return [200, this.#store(collection, there, "DELETED")];
      default:
        return [405, failure(405, "MethodNotAllowed", method)];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export const podsPath = "/api/v1/namespaces/default/pods";

function targetOf(path: string): Target | undefined {
  const pattern =
    /^(\/(?:api\/v1|apis\/[^/]+\/[^/]+)(?:\/namespaces\/[^/]+(?=\/))?\/[a-z]+)(?:\/([^/]+)(?:\/([a-z]+))?)?$/;
  const [, collection, name, subresource] = pattern.exec(path) ?? [];
  return collection === undefined ? undefined : { collection, name, subresource };
}

/** True for the collection itself, and for one of a namespace when `wanted` is that of all of them. */
function isBelow(collection: string, wanted: string): boolean {
  return collection.replace(/\/namespaces\/[^/]+(?=\/)/, "") === wanted || collection === wanted;
}

function matches(object: KubeObject, fields: ReadonlyMap<string, string>): boolean {
  return [...fields].every(([path, value]) => {
    const found = path
      .split(".")
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], object);
    return found === value;
  });
}

/** The apiVersion and kind of a list, as in `v1` and `PodList`. */
function listKind(collection: string): [string, string] {
  const [, version = "", plural = ""] =
    /^\/apis?\/(.+?)(?:\/namespaces\/[^/]+)?\/([a-z]+)$/.exec(collection) ?? [];
  return [version, `${kinds[plural] ?? plural}List`];
}

const kinds: Readonly<Record<string, string>> = {
  configmaps: "ConfigMap",
  csidrivers: "CSIDriver",
  nodes: "Node",
  pods: "Pod",
  runtimeclasses: "RuntimeClass",
  secrets: "Secret",
  services: "Service",
};

function failure(code: number, reason: string, message: string): object {
  return { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message };
}

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
