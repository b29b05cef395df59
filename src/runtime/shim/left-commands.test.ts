import assert from "node:assert/strict";
import { test } from "node:test";
import { clearPlace, makePlace, openPlace, run, soon, until } from "../testing/place.ts";
import { processesNaming } from "../testing/processes.ts";
import { runcByShim } from "../testing/tested-handler.ts";
import { ociAny } from "./options.ts";
import { connectShim, readShimRecord } from "./shim.ts";

const skip = process.getuid?.() === 0 ? false : "NOT RUN: containers need root";
/** Nothing else on the machine sleeps for so long. */
const nap = `8640921${process.pid}`;

test("a command whose daemon was killed before it had a cgroup is ended by the next one", {
  skip,
}, async () => {
  const place = await makePlace(runcByShim);
  try {
    const made = await run(place, { args: ["sleep", "1000"] });
    const record = readShimRecord(made.id, place.paths);
    assert.ok(record);
    const { calls, client } = await connectShim(record, soon());
    using _connection = client;
    const process = place.runtime.configOf(made.id)?.process;
    const start = async (execId: string, seconds: string) => {
      const spec = ociAny("Process", {
        ...process,
        args: ["sh", "-c", `setsid sleep ${seconds} & sleep ${seconds}`],
      });
      await calls.exec({ id: made.id, execId, spec });
      await calls.start({ id: made.id, execId });
      await until(async () => (await processesNaming(`sleep\0${seconds}`)).length === 2, "the command");
    };
    await start("berth-0123456789ab", `${nap}1`);
    await start("another's", `${nap}2`);
    await openPlace(place.directory, place.cgroup, runcByShim);
    assert.deepEqual(await processesNaming(`sleep\0${nap}1`), []);
    assert.equal((await processesNaming(`sleep\0${nap}2`)).length, 2, "what others added goes on");
    assert.ok(place.runtime.alive(made.container.init));
  } finally {
    await clearPlace(place);
  }
});
