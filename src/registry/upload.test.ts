import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { digestOf } from "../spec/digest.ts";
import { TestClient } from "./testing/client.ts";
import type { UploadedBlob } from "./upload.ts";

const client = new TestClient();
after(() => client[Symbol.dispose]());
const signal = new AbortController().signal;

const bytes = Buffer.alloc(3_000_000, "some blob");
const blob: UploadedBlob = {
  digest: digestOf(bytes),
  size: bytes.length,
  async *open() {
    for (let at = 0; at < bytes.length; at += 70_000) yield bytes.subarray(at, at + 70_000);
  },
};

/**
 * A registry that keeps what came of an upload before its connection broke, as Debian's docker-registry does not. It breaks
 * each of the first connections that bring one, once `breakAt` bytes of the blob are here.
 */
async function startKeepingRegistry(breakAt: readonly number[]) {
  const breaks = [...breakAt];
  const uploads: Buffer[] = [];
  const ranges: (string | undefined)[] = [];
  let blobs = 0;
  const server = createServer((request, response) => {
    const [, id = ""] = /uploads\/(\d+)/.exec(request.url ?? "") ?? [];
    const upload = () => uploads[Number(id)] ?? Buffer.alloc(0);
    const answer = (status: number, headers: Record<string, string> = {}) =>
      response.writeHead(status, { "content-length": "0", ...headers }).end();
    const where = (at = id) => ({
      location: `/v2/app/blobs/uploads/${at}`,
      range: `0-${Math.max(0, (uploads[Number(at)]?.length ?? 0) - 1)}`,
    });
    if (request.method === "HEAD") return answer(404);
    if (request.method === "POST") return answer(202, where(String(uploads.push(Buffer.alloc(0)) - 1)));
    if (request.method === "GET") return answer(204, where());
    if (request.method === "PATCH") ranges.push(request.headers["content-range"]);
    request.on("data", (piece: Buffer) => {
      uploads[Number(id)] = Buffer.concat([upload(), piece]);
      if (upload().length < (breaks[0] ?? Number.POSITIVE_INFINITY)) return;
      breaks.shift();
      request.socket.destroy();
    });
    request.on("end", () => {
      if (request.socket.destroyed) return;
      if (request.method === "PATCH") return answer(202, where());
      const isWhole = request.url?.endsWith(encodeURIComponent(digestOf(upload()))) === true;
      if (isWhole) blobs += 1;
      answer(isWhole ? 201 : 400);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    host: `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    /** The Content-Range of each request that brought bytes. */
    ranges,
    blobs: () => blobs,
    uploads,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

test("an upload goes on where the registry says that it broke, for as long as that gets further", async () => {
  const breakAt = [400_000, 800_000, 1_200_000, 1_600_000, 2_000_000];
  await using registry = await startKeepingRegistry(breakAt);
  const remote = (await client.repository(`${registry.host}/app:1`)).forPush();
  const sent: number[] = [];
  const moved = (at: number) => void sent.push(at);
  assert.equal(await remote.blob(blob, undefined, moved, signal), "uploaded");
  assert.equal(registry.blobs(), 1);
  assert.equal(registry.uploads.length, 1);
  assert.deepEqual(sent.at(-1), blob.size);
  const [first, ...rest] = registry.ranges;
  assert.equal(first, undefined);
  assert.equal(rest.length, breakAt.length);
  for (const [index, range] of rest.entries()) {
    const start = /^(\d+)-2999999$/.exec(range ?? "")?.[1];
    assert.ok(Number(start) >= (breakAt[index] ?? 0), range ?? "none");
  }
});

test("what is small goes in one request, and again as a whole", async () => {
  await using registry = await startKeepingRegistry([1]);
  const small = Buffer.from("small");
  const remote = (await client.repository(`${registry.host}/app:1`)).forPush();
  const open = async function* () {
    yield small;
  };
  const arrival = await remote.blob(
    { digest: digestOf(small), size: small.length, open },
    undefined,
    () => undefined,
    signal,
  );
  assert.deepEqual([arrival, registry.ranges, registry.blobs()], ["uploaded", [], 1]);
});
