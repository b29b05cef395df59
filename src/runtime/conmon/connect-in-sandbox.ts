import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { Duplex } from "node:stream";
import type { ContainerId } from "../../base/ids.ts";
import type { Handler } from "./handlers.ts";
import type { ConmonParts } from "./parts.ts";
import { requireRuntime } from "./runtime-command.ts";

/**
 * A connection to a port at the loopback of a sandbox, which runsc makes: it has the sandbox copy between that and a socket of this
 * host.
 *
 * @throws {Fault} internal with what the runtime said: nobody listens, or it is of a time before this
 */
export async function connectInSandbox(
  { id, port }: { readonly id: ContainerId; readonly port: number },
  handler: Handler,
  { host, paths }: ConmonParts,
  signal: AbortSignal,
): Promise<Duplex> {
  // not in the bundle: a socket's path is short
  const path = join(paths.scratch, `${randomBytes(6).toString("hex")}.port`);
  const server = createServer({ allowHalfOpen: true });
  try {
    server.listen(path);
    await once(server, "listening", { signal });
    const connected = once(server, "connection", { signal }) as Promise<[Socket]>;
    connected.catch(() => undefined); // none comes when the runtime fails
    const args = ["port-forward", "--stream", path, id, String(port)];
    await requireRuntime(handler, { args }, host, signal);
    const [socket] = await connected;
    return untilBothEnd(socket);
  } finally {
    server.close(); // takes the path away, too
  }
}

/** The sandbox ends both directions with the first that ends: the end of the input alone is kept from it, or it would cut off the answer. */
function untilBothEnd(socket: Socket): Duplex {
  const connection = new Duplex({
    read: () => void socket.resume(),
    write: (data, _encoding, done) => void socket.write(data, done),
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on("data", (data) => {
    if (!connection.push(data)) socket.pause();
  });
  socket.once("end", () => connection.push(null));
  socket.once("error", (error) => connection.destroy(error));
  return connection;
}
