import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { type FaultKind, isFault } from "../../base/fault.ts";
import { BerthService } from "../../wire/gen/berth.v1.ts";
import { ImageServiceService, RuntimeServiceService } from "../../wire/gen/runtime.v1.ts";
import { type Connection, connect } from "../../wire/grpc/client.ts";
import type { Calls } from "../../wire/grpc/method.ts";
import { createApiServer } from "../server.ts";
import { NodeInMemory } from "./node-in-memory.ts";

/** The API on a socket of its own, and a client of it. */
export interface Serving extends AsyncDisposable {
  readonly node: NodeInMemory;
  readonly connection: Connection;
  readonly runtime: Calls<typeof RuntimeServiceService>;
  readonly images: Calls<typeof ImageServiceService>;
  readonly berth: Calls<typeof BerthService>;
  /** What was logged so far, a line of JSON each. */
  logged(): string;
}

export async function serve(): Promise<Serving> {
  const directory = await mkdtemp(join(tmpdir(), "berth-api-"));
  const socket = join(directory, "berth.sock");
  const node = new NodeInMemory(socket);
  let logged = "";
  const write = (line: string) => {
    logged += line;
  };
  const server = createApiServer(node.parts(pino({ level: "trace" }, { write })));
  await server.listen();
  const connection = connect(socket);
  return {
    node,
    connection,
    runtime: connection.calls(RuntimeServiceService),
    images: connection.calls(ImageServiceService),
    berth: connection.calls(BerthService),
    logged: () => logged,
    [Symbol.asyncDispose]: async () => {
      connection.close();
      await server.stop(1000);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Asserts that a call fails with a Fault of `kind` whose message matches. */
export function refused(call: Promise<unknown>, kind: FaultKind, message: RegExp): Promise<void> {
  return assert.rejects(call, (error) => {
    assert.ok(isFault(error, kind), String(error));
    assert.match(error.message, message);
    return true;
  });
}

export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of stream) found.push(item);
  return found;
}
