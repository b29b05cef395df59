import { digestOf } from "../../spec/digest.ts";
import { mediaTypes } from "../../spec/oci-image.ts";
import { endless, layer, layerBytes, type Misbehaviour, oddAt, plain } from "./misbehaviour.ts";

const manifests = "/manifests/";
const blob = layer.digest;
const other = digestOf("another");
const refusal = (code: string, message: string) => JSON.stringify({ errors: [{ code, message }] });
/** Long enough for whoever does answer, on a busy machine, too. */
const impatient = { stall: 400 };
const json = { "content-type": "application/json" };

/** Answers that HTTP or the registry's protocol would have otherwise. */
export const oddAnswers: readonly Misbehaviour[] = [
  {
    name: "layer longer than announced",
    kind: "corrupt",
    says: /layer sha256.*announced/,
    prepare: oddAt(blob, (response) => response.end(Buffer.concat([layerBytes, Buffer.from("!")]))),
  },
  {
    name: "layer shorter than announced",
    kind: "corrupt",
    says: /layer sha256.*announced/,
    prepare: oddAt(blob, (response) => response.end(layerBytes.subarray(1))),
  },
  {
    name: "Content-Length that lies",
    kind: "unavailable",
    says: /layer sha256.*closed before the end/,
    prepare: oddAt(blob, (response, request) => {
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
      const range = { "content-range": `bytes ${from}-${layerBytes.length - 1}/${layerBytes.length}` };
      response.writeHead(from === 0 ? 200 : 206, {
        ...(from === 0 ? {} : range),
        "content-length": layerBytes.length - from,
      });
      const sent = from === 0 ? layerBytes.subarray(0, 1000) : Buffer.alloc(0);
      response.flushHeaders();
      response.write(sent, () => response.socket?.end());
    }),
  },
  {
    name: "layer with another digest",
    kind: "corrupt",
    says: /layer sha256.*has digest/,
    prepare: (server) => {
      server.add("app", "1", plain);
      server.blobs.set(blob, Buffer.from(layerBytes).fill(1, 4, 5));
    },
  },
  {
    name: "config with another digest",
    kind: "corrupt",
    says: /another digest/,
    prepare: (server) => {
      server.add("app", "1", plain);
      const bytes = Buffer.from(plain.blobs.get(plain.id) ?? "");
      server.blobs.set(plain.id, bytes.fill(" ", 0, 1));
    },
  },
  {
    name: "manifest whose digest the header belies",
    kind: "corrupt",
    says: /manifest has digest sha256/,
    prepare: oddAt(manifests, (response, { method }) => {
      response.writeHead(200, { "content-type": mediaTypes.ociManifest, "docker-content-digest": other });
      response.end(method === "HEAD" ? undefined : plain.manifestBytes);
    }),
  },
  {
    name: "manifest without an end",
    kind: "exhausted",
    says: /more than 1048576 bytes.*maxManifest/,
    prepare: oddAt(manifests, (response, { method }) =>
      method === "HEAD" ? response.end() : endless(response),
    ),
  },
  {
    name: "manifest of 100 MB",
    kind: "exhausted",
    says: /more than 1048576 bytes.*maxManifest/,
    prepare: oddAt(manifests, (response, { method }) => {
      response.writeHead(200, { "content-length": 100_000_000 });
      if (method === "HEAD") response.end();
      else endless(response);
    }),
  },
  {
    name: "redirects in a circle",
    kind: "unavailable",
    says: /redirects more than 5 times/,
    requests: 60,
    prepare: oddAt(manifests, (response, { path }) => response.writeHead(302, { location: path }).end()),
  },
  {
    name: "redirect to a file",
    kind: "forbidden",
    says: /redirects to what is no HTTP address/,
    prepare: oddAt(manifests, (response) =>
      response.writeHead(302, { location: "file:///etc/passwd" }).end(),
    ),
  },
  {
    name: "redirect of a layer to a host that wants a credential",
    kind: "unauthenticated",
    says: /localhost:\d+\/stranger answers 401/,
    prepare: (server) => {
      const at = `http://localhost:${new URL(server.url).port}/stranger`;
      server.add("app", "1", plain);
      server.odd = ({ path }, response) => {
        if (path.includes(blob)) response.writeHead(307, { location: at }).end();
        else if (path === "/stranger") response.writeHead(401, { "www-authenticate": "Basic realm=x" }).end();
        else return false;
        return true;
      };
    },
  },
  {
    name: "silence in the place of an answer",
    settings: impatient,
    kind: "unavailable",
    says: /no answer within/,
    prepare: oddAt(manifests, () => undefined),
  },
  {
    name: "silence in the midst of a manifest",
    settings: impatient,
    kind: "unavailable",
    says: /nothing came for/,
    prepare: oddAt(manifests, (response, { method }) => {
      if (method === "HEAD") response.end();
      else response.write("{");
    }),
  },
  {
    name: "silence in the midst of a layer",
    settings: impatient,
    kind: "unavailable",
    says: /layer sha256.*nothing came for/,
    prepare: oddAt(blob, (response, { headers }) => {
      const from = Number(/bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);
      const range = `bytes ${from}-${layerBytes.length - 1}/${layerBytes.length}`;
      if (from > 0) response.writeHead(206, { "content-range": range });
      if (from === 0) response.write(layerBytes.subarray(0, 1000));
      else response.flushHeaders();
    }),
  },
  {
    name: "connection cut at each request",
    kind: "unavailable",
    says: /closed without an answer/,
    prepare: oddAt(manifests, (response) => response.destroy()),
  },
  {
    name: "401 in a circle, whatever the token",
    kind: "unauthenticated",
    says: /answers 401.*no credential was given/,
    prepare: (server) => {
      server.odd = ({ path }, response) => {
        if (path === "/token") response.end(JSON.stringify({ token: "t" }));
        else response.writeHead(401, { "www-authenticate": `Bearer realm="${server.url}/token"` }).end();
        return true;
      };
    },
  },
  {
    name: "401 without a challenge",
    kind: "unauthenticated",
    says: /answers 401.*no credential was given/,
    prepare: oddAt(manifests, (response) => response.writeHead(401).end()),
  },
  {
    name: "token answer without an end",
    kind: "exhausted",
    says: /token answers with more than 1048576 bytes/,
    prepare: (server) => {
      server.odd = ({ path }, response) => {
        if (path === "/token") endless(response);
        else response.writeHead(401, { "www-authenticate": `Bearer realm="${server.url}/token"` }).end();
        return true;
      };
    },
  },
  {
    name: "token answer without a token",
    kind: "corrupt",
    says: /answers without a token/,
    prepare: (server) => {
      server.odd = ({ path }, response) => {
        if (path === "/token") response.end("{}");
        else response.writeHead(401, { "www-authenticate": `Bearer realm="${server.url}/token"` }).end();
        return true;
      };
    },
  },
  {
    name: "token server that is no URL",
    kind: "corrupt",
    says: /names no fit token server/,
    prepare: oddAt(manifests, (response) =>
      response.writeHead(401, { "www-authenticate": 'Bearer realm="nowhere"' }).end(),
    ),
  },
  {
    name: "403",
    kind: "forbidden",
    says: /answers 403: DENIED not you.*no credential was given/,
    prepare: oddAt(manifests, (response) => response.writeHead(403, json).end(refusal("DENIED", "not you"))),
  },
  {
    name: "404 for the manifest",
    kind: "notFound",
    says: /answers 404: MANIFEST_UNKNOWN.*check the name/,
    prepare: oddAt(manifests, (response) =>
      response.writeHead(404, json).end(refusal("MANIFEST_UNKNOWN", "manifest unknown")),
    ),
  },
  {
    name: "404 for a layer",
    kind: "notFound",
    says: /layer sha256.*answers 404/,
    prepare: oddAt(blob, (response) => response.writeHead(404).end()),
  },
  {
    name: "429 that asks to wait for an hour",
    kind: "unavailable",
    says: /wait 3600 s.*429/,
    prepare: oddAt(manifests, (response) => response.writeHead(429, { "retry-after": "3600" }).end()),
  },
  {
    name: "500",
    kind: "unavailable",
    says: /answers 500/,
    prepare: oddAt(manifests, (response) => response.writeHead(500).end()),
  },
  {
    name: "layer in a Content-Encoding that was not asked for",
    kind: "corrupt",
    says: /layer sha256/,
    prepare: oddAt(blob, (response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end(Buffer.concat([layerBytes, layerBytes])),
    ),
  },
  {
    name: "206 that nobody asked for, with another range",
    kind: "corrupt",
    says: /layer sha256/,
    prepare: oddAt(blob, (response) => {
      const rest = layerBytes.subarray(1000);
      const range = `bytes 1000-${layerBytes.length - 1}/${layerBytes.length}`;
      response.writeHead(206, { "content-range": range, "content-length": rest.length }).end(rest);
    }),
  },
];
