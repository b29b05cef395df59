import { createServer, type Server, type Socket } from "node:net";
import { InvalidArgumentError } from "commander";
import { during, Fault } from "../base/fault.ts";
import type { SpdySession } from "../wire/spdy/session.ts";
import type { CommandContext, Define, Runtime } from "./context.ts";
import { findPod } from "./find.ts";
import { addManual } from "./help/manual.ts";
import { addConnection } from "./options.ts";
import { printable } from "./output/table.ts";
import { openStreams } from "./stream/open-streams.ts";

/** A port of this machine, and the one of the pod that it leads to. */
interface Forward {
  readonly local: number;
  readonly remote: number;
}

interface PortForwardOptions {
  readonly address: string;
}

const protocol = "portforward.k8s.io";
const highestPort = 65_535;

/** `berth port-forward`: ports of a pod on this machine, until interrupted. */
export const definePortForward: Define = (command, context) => {
  addManual(command, {
    description:
      "Opens ports on this machine that lead to ports of a pod, at its loopback: what listens on 127.0.0.1 alone is " +
      "reached, too. Runs until it is interrupted (Ctrl-C).",
    examples: [
      ["berth port-forward web 8080:80", "http://127.0.0.1:8080 leads to port 80 of the pod."],
      ["berth port-forward web 5432 :80", "The same port on both sides; any free one for port 80."],
    ],
  });
  addConnection(command)
    .argument("<pod>", "id, prefix of an id, or name of a pod, or of a container in it")
    .argument("<port...>", "[local:]remote", parseForward)
    .option("--address <address>", "where to listen on this machine", "127.0.0.1")
    .action(async (id: string, forwards: Forward[], options: PortForwardOptions) => {
      const runtime = await context.connect(command);
      await forwardPorts(runtime, id, forwards, options, context);
    });
};

function parseForward(text: string, before: readonly Forward[] = []): Forward[] {
  const match = /^(?:(\d*):)?(\d+)$/.exec(text);
  const remote = Number(match?.[2]);
  const local = match?.[1] === undefined ? remote : Number(match[1]);
  if (match === null || remote < 1 || remote > highestPort || local > highestPort) {
    throw new InvalidArgumentError(`"${text}" is not [local:]remote, two ports up to ${highestPort}`);
  }
  return [...before, { local, remote }];
}

async function forwardPorts(
  runtime: Runtime,
  wanted: string,
  forwards: readonly Forward[],
  { address }: PortForwardOptions,
  context: CommandContext,
): Promise<void> {
  const pod = await findPod(runtime, wanted);
  const interrupted = context.interrupted();
  const { url } = await runtime.pods.portForward({
    podSandboxId: pod.id,
    port: forwards.map(({ remote }) => remote),
  });
  const session = await openStreams(url, [protocol]);
  await using servers = new AsyncDisposableStack();
  servers.defer(() => session.destroy());
  for (const { local, remote } of forwards) {
    const server = createServer({ allowHalfOpen: true }, (connection) => join(connection, remote, session));
    await listen(server, address, local);
    servers.defer(() => void server.close());
    const at = server.address();
    const port = typeof at === "object" ? at?.port : local;
    process.stdout.write(
      `forwarding ${address}:${port} to port ${remote} of ${pod.metadata?.name ?? pod.id}\n`,
    );
  }
  const stopped = new Promise<"stopped">((resolve) =>
    interrupted.addEventListener("abort", () => resolve("stopped")),
  );
  if ((await Promise.race([session.closed.then(() => "lost" as const), stopped])) === "lost") {
    throw new Fault("unavailable", "the connection to the pod broke", {
      hint: "is it still running? `berth pods`",
    });
  }
}

async function listen(server: Server, address: string, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, address, () => resolve());
    });
  } catch (error) {
    throw during(`listening on ${address}:${port}`, error);
  }
}

/** One connection, over a pair of streams of its own. */
function join(connection: Socket, remote: number, session: SpdySession): void {
  const headers = { port: String(remote), requestID: String(nextRequest++) };
  const error = session.open({ streamType: "error", ...headers });
  error.end();
  error.on("data", (data: Buffer) => {
    process.stderr.write(`berth: ${printable(data.toString("utf8"))}\n`);
    connection.destroy();
  });
  const data = session.open({ streamType: "data", ...headers });
  connection.pipe(data).pipe(connection);
  connection.on("error", () => data.destroy());
  data.on("close", () => connection.destroy());
}

let nextRequest = 0;
