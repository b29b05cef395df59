import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSelfSignedServer } from "../../registry/testing/self-signed-server.ts";
import type { ImageServer } from "./image-server.ts";
import type { Misbehaviour } from "./misbehaviour.ts";
import type { TestNode } from "./node.ts";

/** Has the node find the registry as the lines say. */
function hostsFile(lines: (server: ImageServer) => string): (server: ImageServer, node: TestNode) => void {
  return (server, node) => {
    const directory = join(node.root, "certs.d", server.host);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "hosts.toml"), lines(server));
  };
}

/** Has the node find the registry at a server with a certificate by itself for `name`, trusted or not. */
function selfSigned(name: string, isTrusted: boolean): Misbehaviour["prepare"] {
  return async (server, node, until) => {
    const tls = until.use(await startSelfSignedServer(node.root, name));
    const trust = isTrusted ? `ca = "${tls.certificate}"\n` : "";
    hostsFile(() => `server = "${tls.url}"\n${trust}`)(server, node);
  };
}

/** Hosts that are not what hosts.toml says, and a hosts.toml that can't be read. */
export const oddHosts: readonly Misbehaviour[] = [
  {
    name: "plain HTTP where TLS is expected",
    kind: "unavailable",
    says: /doesn't speak TLS.*server = "http:/,
    prepare: hostsFile(({ host }) => `server = "https://${host}"\n`),
  },
  {
    name: "certificate by nobody who is trusted",
    kind: "unavailable",
    says: /self-signed certificate.*name the authority as ca/,
    prepare: selfSigned("IP:127.0.0.1", false),
  },
  {
    name: "certificate for another name",
    kind: "unavailable",
    says: /does not match.*for other names/,
    prepare: selfSigned("DNS:other.example", true),
  },
  {
    name: "hosts.toml with a word misspelt",
    kind: "invalid",
    says: /hosts\.toml, line 2: .*did you mean skip_verify/,
    requests: 0,
    prepare: hostsFile(({ url }) => `[host."${url}"]\nskip_verfy = true\n`),
  },
  {
    name: "hosts.toml that is no TOML",
    kind: "invalid",
    says: /hosts\.toml is not TOML, line 2/,
    requests: 0,
    prepare: hostsFile(({ url }) => `server = "${url}"\n[host\n`),
  },
  {
    name: "hosts.toml with a certificate that is not there",
    kind: "invalid",
    says: /missing\.pem can't be read/,
    requests: 0,
    prepare: hostsFile(({ host }) => `server = "https://${host}"\nca = "missing.pem"\n`),
  },
];
