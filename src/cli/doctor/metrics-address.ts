import { createServer } from "node:net";
import { parseListenAddress } from "../../config/listen-address.ts";
import type { Config } from "../../config/schema.ts";
import { connectionError } from "./ask-daemon.ts";
import { type Finding, ok, problem } from "./finding.ts";

/** Whether a daemon that starts could answer Prometheus at `metrics.address`: it is listened at for a moment. */
export async function judgeMetricsAddress({ metrics }: Pick<Config, "metrics">): Promise<Finding[]> {
  const address = metrics.address === "" ? "" : parseListenAddress(metrics.address);
  if (typeof address === "string") return []; // none, or a mistake, which the settings' check tells of
  const refused =
    "socket" in address ? await socketRefusal(address.socket) : await portRefusal(address.host, address.port);
  switch (refused) {
    case undefined:
      return [ok(`metrics.address ${metrics.address} is free`)];
    case "EADDRINUSE":
      return [
        problem(
          `metrics.address ${metrics.address} is in use`,
          "Prometheus gets another program's answers; the daemon serves pods, and tries the address again until it is free",
          `ss -xlntp shows which (or fuser -v); stop it, or set another metrics.address`,
        ),
      ];
    default:
      return [
        problem(
          `metrics.address ${metrics.address} can't be listened at (${refused})`,
          "the daemon serves pods, but no metrics; EADDRNOTAVAIL: this node has no such address",
          "set metrics.address to an address of this node, as in 127.0.0.1:9321",
        ),
      ];
  }
}

async function socketRefusal(socket: string): Promise<string | undefined> {
  return (await connectionError(socket)) === undefined ? "EADDRINUSE" : undefined;
}

function portRefusal(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
