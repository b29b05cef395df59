import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Fault, isFault } from "../../base/fault.ts";
import { TaskService } from "../../wire/gen/task.v2.ts";
import { serveTtrpc, ttrpcService } from "../../wire/ttrpc/server.ts";
import { identityOf } from "../identity-of.ts";
import { answered } from "./answered.ts";
import { connectShim } from "./shim.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-answered-"));
const over = new AbortController();
const servers: Server[] = [];
after(() => {
  over.abort();
  for (const server of servers) server.close();
  rmSync(directory, { recursive: true });
});

const soon = { patience: 10, showDeadline: 10 };
const hour = 3_600_000;

/** A shim at a socket of its own. */
async function shimAt(server: Server) {
  const socket = join(directory, `${servers.push(server)}.sock`);
  await once(server.listen(socket), "listening");
  const connected = await connectShim({ socket, version: 2 }, AbortSignal.timeout(30_000));
  over.signal.addEventListener("abort", () => connected.client[Symbol.dispose]());
  return { ...connected, group: "p", handler: "h", process: identityOf(process.pid, "this process") };
}

/** A shim that runs, and has what `update` is. */
async function runningShim(update: () => Promise<object>) {
  const server = createServer();
  serveTtrpc(server, ttrpcService(TaskService, { update } as never), over.signal);
  return await shimAt(server);
}

test("a shim that runs has all the time it takes, and its failure is the call's", async () => {
  const { promise, resolve } = Promise.withResolvers<object>();
  let asked = 0;
  const shim = await runningShim(() => promise);
  const { connect } = shim.nobody;
  const nobody: typeof shim.nobody = {
    connect(...call) {
      if (++asked === 3) resolve({});
      return connect(...call);
    },
  };
  assert.deepEqual(
    await answered(shim.calls.update({}), { ...shim, nobody }, { ...soon, showDeadline: hour }),
    {},
  );
  assert.ok(asked >= 3, "it was to show that it runs, again and again");
  const refusing = await runningShim(() => Promise.reject(new Fault("notFound", "no such container")));
  await assert.rejects(
    answered(refusing.calls.update({}), refusing, { patience: hour, showDeadline: hour }),
    (error) => isFault(error, "notFound"),
  );
});

test("one that is stopped is told of, at once when it was found so before", async () => {
  const stopped = createServer((socket) => {
    over.signal.addEventListener("abort", () => socket.destroy());
  });
  const shim = await shimAt(stopped);
  const tells = (error: unknown) =>
    isFault(error, "unavailable") &&
    /^the shim of pod p \(h, process [0-9]+\) does not answer$/.test(error.message) &&
    /kill -CONT/.test(error.hint ?? "");
  await assert.rejects(answered(shim.calls.update({}), shim, soon), tells);
  await assert.rejects(answered(shim.calls.update({}), shim, { ...soon, patience: hour }), tells);
});

test("a connection that is lost ends the wait", async () => {
  const shim = await shimAt(createServer((socket) => socket.once("data", () => socket.destroy())));
  await assert.rejects(
    answered(shim.calls.update({}), shim, { patience: hour, showDeadline: hour }),
    (error) => isFault(error, "unavailable", "cancelled"),
  );
});
