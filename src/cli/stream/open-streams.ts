import { connect, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";
import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import { SpdySession } from "../../wire/spdy/session.ts";

/** Two for each forwarded connection. */
const mostStreams = 2048;
const mostHead: Bytes = 16 << 10;

/**
 * Connects to the URL that a runtime gave out for Exec, Attach or PortForward, and changes the connection to SPDY.
 *
 * @param protocols what this side speaks, the best first
 * @throws {Fault} unavailable when nobody answers there, or another way
 */
export async function openStreams(url: string, protocols: readonly string[]): Promise<SpdySession> {
  const { protocol, hostname, port, pathname, search } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  // the URL came over the runtime's own socket, and leads to this host: its certificate need not be known here
  const socket =
    protocol === "https:"
      ? connectSecurely({ host, port: Number(port || "443"), rejectUnauthorized: false })
      : connect(Number(port || "80"), host);
  const lines = [
    `POST ${pathname}${search} HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    "Connection: Upgrade",
    "Upgrade: SPDY/3.1",
    ...protocols.map((one) => `X-Stream-Protocol-Version: ${one}`),
    "Content-Length: 0",
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  const { head, rest } = await headOf(socket);
  const [status = ""] = head.split("\r\n");
  if (!/^HTTP\/1\.1 101 /.test(status)) {
    socket.destroy();
    throw new Fault("unavailable", `the runtime's streams answered "${status}" at ${hostname}:${port}`);
  }
  if (rest.length > 0) socket.unshift(rest);
  return new SpdySession(socket, { side: "client", mostStreams, onStream: (stream) => stream.destroy() });
}

/** The answer up to its empty line, and what came after it. */
async function headOf(socket: Socket): Promise<{ head: string; rest: Buffer }> {
  let bytes = Buffer.alloc(0);
  const { promise, resolve, reject } = Promise.withResolvers<{ head: string; rest: Buffer }>();
  const fail = (cause?: Error) =>
    reject(new Fault("unavailable", "the runtime's streams can't be reached", cause && { cause }));
  const take = (data: Buffer) => {
    bytes = Buffer.concat([bytes, data]);
    const end = bytes.indexOf("\r\n\r\n");
    if (end >= 0) resolve({ head: bytes.toString("latin1", 0, end), rest: bytes.subarray(end + 4) });
    else if (bytes.length > mostHead) fail();
  };
  const onClose = () => fail();
  socket.on("data", take).on("error", fail).on("close", onClose);
  try {
    return await promise;
  } finally {
    socket.pause();
    socket.off("data", take).off("error", fail).off("close", onClose);
  }
}
