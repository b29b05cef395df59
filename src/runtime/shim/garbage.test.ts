import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { clearPlace, makePlace, openPlace, run, soon } from "../testing/place.ts";
import { runcByShim } from "../testing/tested-handler.ts";

const skip = process.getuid?.() === 0 ? false : "NOT RUN: containers need root";

test("a shim that answers what is no ttrpc is told of, and what it had is taken away all the same", {
  skip,
  timeout: 120_000,
}, async () => {
  const place = await makePlace(runcByShim);
  const socket = join(place.directory, "garbage.sock");
  const server = createServer((connection) => {
    connection
      .on("error", () => undefined)
      .once("data", () => connection.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
  }).listen(socket);
  try {
    await once(server, "listening");
    const { id, request } = await run(place, { args: ["sleep", "1000"] });
    const { record } = place.paths.shim(id);
    writeFileSync(record, JSON.stringify({ ...JSON.parse(readFileSync(record, "utf8")), socket }));
    const { runtime } = await openPlace(place.directory, place.cgroup, runcByShim);
    const command = { id, handler: request.handler, command: ["true"], timeout: undefined, maxOutput: 100 };
    for (const asked of [
      runtime.state(id, request.handler, soon()),
      runtime.update(id, request.handler, { pids: { limit: 77 } }, soon()),
    ])
      await assert.rejects(
        asked,
        (error) => isFault(error, "corrupt") && /no header of a ttrpc frame/.test(error.message),
      );
    await assert.rejects(runtime.execSync(command, soon()));
    await runtime.delete(id, request.handler, soon());
  } finally {
    await clearPlace(place);
    server.close();
  }
});
