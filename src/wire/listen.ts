import type { Server } from "node:net";
import { during, Fault } from "../base/fault.ts";
import { bindingPath, checkFree, clearBinding, groupId, publishSocket } from "./unix-socket.ts";

/**
 * Has `server` listen on a unix socket, with mode 0660. A stale one is taken over.
 *
 * @param setting the one that names the socket, for messages
 * @param group name of the group that may use it beside its owner; "" or unknown: the daemon's own
 * @throws {Fault} alreadyExists when another server answers there; invalid, unavailable
 */
export async function listenOnSocket(
  server: Server,
  socket: string,
  setting: string,
  group: string,
): Promise<void> {
  await checkFree(socket, setting);
  await clearBinding(socket);
  await bind(server, { path: bindingPath(socket) }, `${setting}: listening on ${socket}`);
  try {
    await publishSocket(socket, (await groupId(group)) ?? process.getgid?.() ?? 0);
  } catch (error) {
    server.close();
    throw during(`${setting}: setting owner and mode of ${socket}`, error);
  }
}

/** @throws {Fault} alreadyExists when another program has the address; unavailable */
export function bind(
  server: Server,
  where: { host: string; port: number } | { path: string },
  doing: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException) => {
      const taken = error.code === "EADDRINUSE";
      const why = taken ? `${doing}: another program has it` : doing;
      const hint = taken ? "stop that, or choose a free port" : "choose an address of this host";
      reject(new Fault(taken ? "alreadyExists" : "unavailable", why, { cause: error, hint }));
    };
    server.once("error", refused);
    server.listen(where, () => {
      server.removeListener("error", refused);
      resolve();
    });
  });
}
