import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { processesBy } from "../../linux/process-args.ts";
import type { Made, Place } from "./place.ts";
import { commandsIn, containersAt, exitTold, logWith, openPlace, soon, until } from "./place.ts";
import { processesNaming } from "./processes.ts";

const daemon = join(import.meta.dirname, "daemon.ts");
/** Nothing else on the machine sleeps for so long. */
const nap = `8640918${process.pid}`;

export function daemonDeathCases(here: () => Place): void {
  test("a container outlives its daemon; the next one finds its exit, code and time", async () => {
    const place = here();
    const made = await fromKilledDaemon(
      place,
      "run",
      `until test -e /tmp/go; do sleep 0.05; done; echo bye; exit 5`,
    );
    assert.ok(place.runtime.alive(made.container.init) && place.runtime.alive(made.container.monitor));
    const touch = { id: made.id, handler: place.handler, command: ["sh", "-c", "true > /tmp/go"] };
    await place.runtime.execSync({ ...touch, timeout: undefined, maxOutput: 0 }, soon());
    await logWith(made, "bye");
    await until(() => !place.runtime.alive(made.container.init), "its end");
    const told = Date.now();
    await sleep(50);
    const again = await openPlace(place.directory, place.cgroup, place.tested);
    const exit = await exitTold(again, made);
    assert.deepEqual([exit.code, exit.cause], [5, "exited"]);
    assert.ok(Math.abs(Number(exit.at / 1_000_000n) - told) < 2000);
    await again.runtime.delete(made.id, place.handler, soon());
  });

  test("a monitor has nothing of its daemon: session, process group, cgroup, standard files", async () => {
    const place = here();
    const made = await fromKilledDaemon(place, "run", "sleep 1000");
    const { readlink, readFile } = await import("node:fs/promises");
    const { pid } = made.container.monitor;
    const logged = place.tested.monitor === "shim" ? `${place.paths.shim(made.id).log}` : "/dev/null";
    for (const fd of [0, 1, 2])
      assert.ok(["/dev/null", logged].includes(await readlink(`/proc/${pid}/fd/${fd}`)), String(fd));
    const stat = await readFile(`/proc/${pid}/stat`, "latin1");
    const [, , group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    assert.equal(group, String(pid));
    if (place.tested.monitor === "conmon") assert.equal(session, String(pid));
    assert.match(
      await readFile(`/proc/${pid}/cgroup`, "latin1"),
      new RegExp(`${place.cgroup}/monitors$`, "m"),
    );
    await place.runtime.delete(made.id, place.handler, soon());
  });

  test("a daemon that is killed in the midst of a create leaves nothing that the next can't take away", async () => {
    const place = here();
    for (const moment of place.sandbox === undefined ? moments : momentsInSandbox) {
      const args = [daemon, place.directory, place.cgroup, JSON.stringify(place.tested), "endless"];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
      await once(createInterface(child.stdout), "line", { signal: soon() });
      await sleep(moment);
      child.kill("SIGKILL");
      await once(child, "exit");
      for (const id of await containersAt(place)) {
        await place.runtime.delete(id, place.handler, soon());
        assert.deepEqual(await processesNaming(id), [], `killed after ${moment} ms`);
        assert.equal(await place.cgroups.exists(`${place.cgroup}/${id}`), false, `killed after ${moment} ms`);
      }
    }
  });

  test("a command that its daemon was killed in is ended by the next one", async () => {
    const place = here();
    const made = await fromKilledDaemon(place, "exec", `sleep ${nap}`);
    assert.equal((await commandsIn(place, made.id, nap)).length, 1);
    await openPlace(place.directory, place.cgroup, place.tested);
    assert.deepEqual(await commandsIn(place, made.id, nap), []);
    assert.ok(place.runtime.alive(made.container.init));
    await place.runtime.delete(made.id, place.handler, soon());
  });
}

/** Milliseconds after its start at which a daemon that makes containers is killed; one takes some 20 to 50. */
const moments = process.env.BERTH_TEST_FULL
  ? Array.from({ length: 50 }, (_, index) => index * 3)
  : [3, 11, 19, 37];

/** With a sandbox a container takes longer, and so does the start of a daemon, which tries a sandbox out. */
const momentsInSandbox = process.env.BERTH_TEST_FULL ? moments : [53];

/** A container that another daemon made, which is killed once it runs: `script` as the container, or as a command in it. */
async function fromKilledDaemon(place: Place, how: "run" | "exec", script: string): Promise<Made> {
  const args = [daemon, place.directory, place.cgroup, JSON.stringify(place.tested), how, script];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(createInterface(child.stdout), "line", { signal: soon() })) as [string];
  // where it is known for a command, whoever knows of it
  if (how === "exec") await until(() => isCommandKnown(place, JSON.parse(line)), "the command");
  child.kill("SIGKILL");
  await once(child, "exit");
  return JSON.parse(line);
}

/** Whether the command runs, and what tells the next daemon so is there: its cgroup, or its id within the sandbox. */
async function isCommandKnown(place: Place, { id }: Made): Promise<boolean> {
  if (place.sandbox === undefined)
    return (await groupsOfSleeping(nap)).some((groups) => groups.includes("berth-exec-"));
  const files = await readdir(place.paths.container(id).bundle);
  return files.some((name) => name.endsWith(".inner-pid")) && (await commandsIn(place, id, nap)).length > 0;
}

/** The cgroups of those who sleep for so long. */
async function groupsOfSleeping(seconds: string): Promise<string[]> {
  const sleeping = await processesBy((args) => args.join(" ") === `sleep ${seconds}`);
  return sleeping.map(({ pid }) => readFileSync(`/proc/${pid}/cgroup`, "latin1"));
}
