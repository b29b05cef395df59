import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ImageServer } from "./image-server.ts";
import type { Misbehaviour } from "./misbehaviour.ts";
import type { TestNode } from "./node.ts";

/** Has the node find the registry as the lines say. */
function hostsFile(lines: (server: ImageServer) => string): Misbehaviour["prepare"] {
  return (server: ImageServer, node: TestNode) => {
    const directory = join(node.root, "certs.d", server.host);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "hosts.toml"), lines(server));
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
