import { existsSync, readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SeenRequest } from "../../registry/testing/odd-server.ts";
import type { Descriptor } from "../../spec/oci-image.ts";
import type { ImageServer } from "./image-server.ts";

/** A request for a layer, as the server has it. */
export interface Sending {
  readonly from: number;
  readonly to: number;
  sent: number;
}

/** Serves ranges of a layer in small parts, as long as `mayGo` says so. @returns the requests, as they come */
export function serveRanges(
  server: ImageServer,
  layer: Descriptor,
  mayGo: (sending: Sending) => boolean,
): Sending[] {
  const blob = server.blobs.get(layer.digest) ?? Buffer.alloc(0);
  const sendings: Sending[] = [];
  server.odd = (request, response) => {
    if (!request.path.includes(layer.digest)) return false;
    const { from, to } = rangeOf(request, blob.length);
    response.writeHead(request.headers.range === undefined ? 200 : 206, {
      "content-length": to - from,
      "content-range": `bytes ${from}-${to - 1}/${blob.length}`,
    });
    const sending = { from, to, sent: 0 };
    sendings.push(sending);
    void send(blob, sending, response, mayGo);
    return true;
  };
  return sendings;
}

function rangeOf(request: SeenRequest, size: number): { from: number; to: number } {
  const [, from = "0", last = ""] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  return { from: Number(from), to: last === "" ? size : Number(last) + 1 };
}

async function send(
  blob: Buffer,
  sending: Sending,
  response: ServerResponse,
  mayGo: (sending: Sending) => boolean,
): Promise<void> {
  const { from, to } = sending;
  while (from + sending.sent < to && !response.destroyed) {
    if (mayGo(sending)) {
      const part = blob.subarray(from + sending.sent, Math.min(to, from + sending.sent + 65_536));
      sending.sent += part.length;
      response.write(part);
    }
    await sleep(1);
  }
  response.end();
}

/** Until so many pieces of a layer are in its file below the daemon's `root`. */
export async function untilPieces(root: string, layer: Descriptor, count: number): Promise<void> {
  const path = join(root, "content", "partial", layer.digest.slice("sha256:".length));
  const marks = () => (existsSync(path) ? readFileSync(path).subarray(layer.size) : Buffer.alloc(0));
  while (marks().filter((mark) => mark !== 0).length < count) await sleep(5);
}
