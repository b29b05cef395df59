import type { Socket } from "node:net";
import { libc } from "./libc.ts";

const getsockopt = libc.func(
  "int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)",
);
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

/** Which process has connected to a unix socket (unix(7), SO_PEERCRED). Undefined when that can't be known. */
export function peerPid(socket: Socket): number | undefined {
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } | null };
  if (handle?.fd === undefined || handle.fd < 0) return undefined;
  const credentials = Buffer.alloc(12); // struct ucred: pid, uid, gid
  const result: number = getsockopt(handle.fd, SOL_SOCKET, SO_PEERCRED, credentials, [credentials.length]);
  const pid = result === 0 ? credentials.readInt32LE(0) : 0;
  return pid > 0 ? pid : undefined;
}
