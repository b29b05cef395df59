import assert from "node:assert/strict";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { describeFault, isFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import { hangs } from "../../linux/testing/hangs.ts";
import { caseOf } from "./case-of.ts";
import { create, exitTold, type Made, makeBundle, type Place, run, soon, until } from "./place.ts";
import { processesNaming } from "./processes.ts";
import { booksOn, type TestedHandler } from "./tested-handler.ts";

export function failureCases(here: () => Place, tested: TestedHandler): void {
  caseOf(
    tested,
    "a program that is not there fails the create",
    "a create that fails says why in the runtime's words, and leaves the bundle alone",
    async () => {
      const place = here();
      const request = await makeBundle(place, { args: ["/bin/no-such-program"] });
      await assert.rejects(place.runtime.create(request, soon()), (error) => {
        assert.ok(isFault(error, "internal"));
        assert.match(describeFault(error), /creating container .*no-such-program.*(no such file|not found)/i);
        return true;
      });
      assert.deepEqual((await readdir(request.bundle)).toSorted(), ["config.json", "rootfs"]);
      await nothingRuns(place, request.id);
    },
    async () => {
      const place = here();
      const made = await create(place, { args: ["/bin/no-such-program"] });
      await assert.rejects(
        place.runtime.start(made.id, place.handler, soon()),
        (error) => isFault(error, "internal") && /no-such-program.*no such file/.test(error.message),
      );
      assert.notEqual((await exitTold(place, made)).code, 0);
      await place.runtime.delete(made.id, place.handler, soon());
      assert.deepEqual((await readdir(made.request.bundle)).toSorted(), ["config.json", "rootfs"]);
      await nothingRuns(place, made.id);
    },
  );

  test("a config that the runtime can't read, a log that can't be opened", async () => {
    const place = here();
    const unreadable = await makeBundle(place, { args: ["true"] });
    await writeFile(join(unreadable.bundle, "config.json"), "{");
    await assert.rejects(place.runtime.create(unreadable, soon()), (error) => isFault(error, "internal"));
    const unloggable = await makeBundle(place, { args: ["true"] });
    for (const logPath of ["relative", "/a:b", "/bin/busybox/log"]) {
      await assert.rejects(place.runtime.create({ ...unloggable, logPath }, soon()), logPath);
    }
    await nothingRuns(place, unreadable.id);
    await nothingRuns(place, unloggable.id);
  });

  test("a create that is aborted at any moment leaves no process and no cgroup", async () => {
    const place = here();
    for (const after of [0, 1, 2, 4, 6, 8, 12, 16, 24]) {
      const request = await makeBundle(place, { args: ["sleep", "1000"] });
      const caller = new AbortController();
      const creating = place.runtime.create(request, caller.signal).then(
        () => place.runtime.delete(request.id, place.handler, soon()),
        (error) => assert.ok(isFault(error, "cancelled"), describeFault(error)),
      );
      await sleep(after);
      caller.abort();
      await creating;
      await nothingRuns(place, request.id);
    }
  });

  async function deletedWithout(files: (place: Place, made: Made) => readonly string[]): Promise<void> {
    const place = here();
    const made = await run(place, { args: ["sh", "-c", "sleep 1000 & wait"] });
    for (const file of files(place, made)) await rm(file, { recursive: true });
    await place.runtime.delete(made.id, place.handler, soon());
    await nothingRuns(place, made.id);
    assert.ok(!place.runtime.alive(made.container.init) && !place.runtime.alive(made.container.monitor));
  }

  test("a running container is deleted whole, even without the pid files", async () => {
    await deletedWithout(({ paths }, { id }) => [paths.container(id).monitorPidFile]);
    await deletedWithout(({ paths }, { id }) => [paths.container(id).pidFile]);
    await deletedWithout(({ paths }, { id }) => [join(paths.containers, id, "rootfs")]);
  });

  // of what is in a sandbox then, nobody can tell: on this host nothing is left of it there, either
  const withoutBooks = () => deletedWithout(({ paths }, { id }) => booksOn(id, tested, paths));
  caseOf(
    tested,
    "processes without books are found",
    "a running container is deleted whole, even without the runtime's books",
    withoutBooks,
    withoutBooks,
  );

  test("a container whose monitor is killed is ended, and its exit is told as lost", async () => {
    const place = here();
    const made = await run(place, { args: ["sh", "-c", "sleep 1000 & wait"] });
    const { pid } = made.container.monitor;
    // What a shim was asked and did not read breaks its connection, which else would end.
    process.kill(pid, "SIGSTOP");
    await until(() => hangs(pid), "the monitor to hang");
    const asked = place.runtime.state(made.id, place.handler, soon()).catch(() => undefined);
    await sleep(20);
    process.kill(pid, "SIGKILL");
    await asked;
    await until(() => !place.runtime.alive(made.container.monitor), "the monitor's end");
    const exit = await exitTold(place, made);
    assert.deepEqual([exit.code, exit.cause], [255, "monitorLost"]);
    assert.ok(!place.runtime.alive(made.container.init));
    assert.deepEqual(await place.cgroups.processes(`${place.cgroup}/${made.id}`), []);
    assert.deepEqual(place.runtime.recordedExit(made.id), exit, "the next daemon tells the same");
  });

  test("a container that is known no more is not there to be deleted", async () => {
    const place = here();
    const made = await create(place, { args: ["true"] });
    await place.runtime.delete(made.id, place.handler, soon());
    await place.runtime.delete(made.id, "a handler that was configured once", soon());
  });
}

async function nothingRuns(place: Place, id: ContainerId): Promise<void> {
  assert.deepEqual(await processesNaming(id), []);
  assert.equal(await place.cgroups.exists(`${place.cgroup}/${id}`), false);
  assert.deepEqual(booksOn(id, place.tested, place.paths), []);
}
