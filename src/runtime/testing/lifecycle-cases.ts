import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { isFault } from "../../base/fault.ts";
import { newContainerId } from "../../base/ids.ts";
import type { Bytes } from "../../base/units.ts";
import type { CgroupFigures } from "../../stats/contract.ts";
import { CgroupReader } from "../../stats/read-cgroup.ts";
import { caseOf } from "./case-of.ts";
import {
  type BundleOptions,
  create,
  exitTold,
  logWith,
  makeBundle,
  type Place,
  run,
  runSandbox,
  soon,
  until,
} from "./place.ts";
import type { TestedHandler } from "./tested-handler.ts";

/** Takes some time and memory. */
const busy = ["sh", "-c", "head -c 1000000 /dev/zero | tail -c 1 >/dev/null; echo done; exec sleep 1000"];

function memoryLimit(limit: Bytes): NonNullable<BundleOptions["edit"]> {
  return ({ linux }) => {
    linux.resources = { ...linux.resources, memory: { limit, swap: limit } };
  };
}

function figuresOf(from: Partial<CgroupFigures> | undefined) {
  const { cpu, memory } = from ?? {};
  return [cpu?.usageNanos, memory?.usage, memory?.workingSet, memory?.available, memory?.rss];
}

export function lifecycleCases(here: () => Place, tested: TestedHandler): void {
  test("handlers are tried out, and the default falls to one that works", () => {
    const { runtime, handler } = here();
    const [broken, missing, working] = runtime.probes();
    assert.equal(working?.problem, undefined);
    assert.match(working?.version ?? "", new RegExp(`^${tested.runtime} version \\S`));
    assert.match(broken?.problem ?? "", /false create: exit code 1/);
    assert.match(missing?.problem ?? "", /no berth-has-no-such-runtime/);
    assert.equal(runtime.resolveHandler("").handler, handler);
    assert.equal(runtime.resolveHandler(handler).handler, handler);
    assert.throws(
      () => runtime.resolveHandler("broken"),
      (error) => isFault(error, "wrongState") && error.message.includes("exit code 1"),
    );
    assert.throws(
      () => runtime.resolveHandler("other"),
      (error) => isFault(error, "invalid") && error.hint?.includes(handler) === true,
    );
  });

  const makesReadOnly = () => here().runtime.probes()[2]?.features.recursiveReadOnly;
  caseOf(
    tested,
    "mounts are made read-only with what is mounted on them",
    "that it makes mounts read-only with what is mounted on them is found out, also where no command says so",
    async () => assert.equal(makesReadOnly(), true),
    async () => assert.equal(makesReadOnly(), false),
  );

  test("a container is created, started, and its exit told with code and time", async () => {
    const place = here();
    const { runtime, handler } = place;
    const made = await create(place, { args: ["sh", "-c", "exit 7"] });
    assert.equal(await runtime.state(made.id, handler, soon()), "created");
    assert.ok(runtime.alive(made.container.init) && runtime.alive(made.container.monitor));
    assert.equal(runtime.exitOf(made.id, made.container), undefined);
    const began = BigInt(Date.now()) * 1_000_000n;
    await runtime.start(made.id, handler, soon());
    const exit = await exitTold(place, made);
    assert.deepEqual({ ...exit, at: 0n }, { id: made.id, code: 7, at: 0n, cause: "exited" });
    assert.ok(exit.at >= began - 1_000_000_000n && exit.at <= BigInt(Date.now() + 1000) * 1_000_000n);
    assert.deepEqual(runtime.exitOf(made.id, made.container), exit);
    assert.deepEqual(runtime.recordedExit(made.id), exit);
    assert.equal(await runtime.state(made.id, handler, soon()), "stopped");
    await runtime.delete(made.id, handler, soon());
    assert.equal(await runtime.state(made.id, handler, soon()), undefined);
    assert.equal(runtime.recordedExit(made.id), undefined);
    await runtime.delete(made.id, handler, soon());
  });

  test("its conmon runs on the processors of the settings, and the container on all", async () => {
    const place = here();
    const made = await run(place, { args: ["sleep", "1000"] });
    const allowed = async (pid: number | "self") =>
      /^Cpus_allowed_list:\t(.*)$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
    const conmon = await readFile(place.paths.container(made.id).monitorPidFile, "utf8");
    assert.equal(await allowed(Number(conmon)), "0");
    assert.equal(await allowed(made.container.init.pid), await allowed("self"));
    await place.runtime.delete(made.id, place.handler, soon());
  });

  test("signals reach the container, and one that has exited is no fault", async () => {
    const place = here();
    const { runtime, handler } = place;
    const trap = "trap 'exit 9' TERM; trap 'echo hangup' HUP; echo ready; while :; do sleep 0.05; done";
    const made = await run(place, { args: ["sh", "-c", trap] });
    await logWith(made, "ready");
    await runtime.kill(made.id, handler, "SIGHUP", false, soon());
    await logWith(made, "hangup");
    await runtime.kill(made.id, handler, "SIGTERM", false, soon());
    assert.equal((await exitTold(place, made)).code, 9);
    await runtime.kill(made.id, handler, "SIGTERM", false, soon());
    await runtime.kill(made.id, handler, "SIGKILL", true, soon());
    await assert.rejects(runtime.kill(made.id, handler, "SIGNO", false, soon()), (error) =>
      isFault(error, "invalid"),
    );
  });

  test("killing all ends every process, and the code says by which signal", async () => {
    const place = here();
    const made = await run(place, { args: ["sh", "-c", "sleep 1000 & sleep 1000 & wait"] });
    await place.runtime.kill(made.id, place.handler, "SIGKILL", true, soon());
    assert.equal((await exitTold(place, made)).code, 137);
    assert.deepEqual(await place.cgroups.processes(`${place.cgroup}/${made.id}`), []);
  });

  caseOf(
    tested,
    "limits of one container",
    "a container that ran out of memory says so",
    async () => {
      const made = await run(here(), { args: ["tail", "/dev/zero"], edit: memoryLimit(32 << 20) });
      const exit = await exitTold(here(), made);
      assert.deepEqual([exit.code, exit.cause], [137, "oomKilled"]);
    },
    async () => {
      const place = here();
      const id = newContainerId();
      const sandbox = await runSandbox(place, id, memoryLimit(80 << 20));
      // more than the container's own limit, at first
      const script = "head -c 20000000 /dev/zero | tail -c 20000000 | head -c 1; echo lives; tail /dev/zero";
      const made = await run(place, { args: ["sh", "-c", script], edit: memoryLimit(10 << 20), sandbox: id });
      await logWith(made, "lives");
      const exit = await exitTold(place, sandbox);
      assert.deepEqual([exit.code, exit.cause], [137, "oomKilled"], "it goes with its sandbox");
      assert.notEqual((await exitTold(place, made)).code, 0);
      for (const one of [made.id, id]) await place.runtime.delete(one, place.handler, soon());
    },
  );

  caseOf(
    tested,
    "statistics are in the container's cgroup",
    "what it uses is read from its cgroup, and a shim tells the same",
    async () => {
      const place = here();
      const { cgroups, runtime, handler } = place;
      const made = await run(place, { args: busy, edit: memoryLimit(64 << 20) });
      await logWith(made, "done");
      const read = () => new CgroupReader(cgroups).read(`${place.cgroup}/${made.id}`, "container");
      const { cpu, memory } = read() ?? {};
      assert.ok(cpu !== undefined && cpu.usageNanos > 0n);
      assert.ok(memory !== undefined && memory.usage > 0 && Number(memory.available) <= 64 << 20);
      assert.equal(runtime.isOnHost(made.id, handler), true);
      if (place.tested.monitor === "shim") {
        await until(async () => {
          const told = await runtime.metrics(made.id, handler, soon());
          assert.equal(told?.figures.processes, 1);
          return isDeepStrictEqual(figuresOf(told.figures), figuresOf(read()));
        }, "the same figures");
      }
      await runtime.delete(made.id, handler, soon());
    },
    async () => {
      const { runtime, handler } = here();
      const made = await run(here(), { args: busy });
      await logWith(made, "done");
      assert.equal(runtime.isOnHost(made.id, handler), false);
      const told = await runtime.metrics(made.id, handler, soon());
      assert.ok((told?.figures.cpu?.usageNanos ?? 0n) > 0n);
      assert.ok((told?.figures.memory?.usage ?? 0) > 0);
      assert.ok((told?.figures.processes ?? 0) >= 1, "older ones count the sandbox's");
      await runtime.delete(made.id, handler, soon());
    },
  );

  async function pidsLimitAfterUpdate(): Promise<string> {
    const place = here();
    const made = await run(place, { args: ["sleep", "1000"] });
    await place.runtime.update(made.id, place.handler, { pids: { limit: 77 } }, soon());
    const directories = place.cgroups.directories(`${place.cgroup}/${made.id}`);
    const pids = directories.get("pids") ?? directories.get("unified");
    const limit = (await readFile(`${pids}/pids.max`, "latin1")).trim();
    await place.runtime.delete(made.id, place.handler, soon());
    return limit;
  }
  caseOf(
    tested,
    "limits of one container",
    "limits are changed while it runs",
    async () => assert.equal(await pidsLimitAfterUpdate(), "77"),
    async () => assert.equal(await pidsLimitAfterUpdate(), "max"),
  );

  test("a tty and an open stdin", async () => {
    const place = here();
    const request = await makeBundle(place, {
      args: ["sh", "-c", "test -t 0 && test -t 1 && echo it is a tty; sleep 1000"],
      edit: (config) => {
        config.process.terminal = true;
      },
    });
    const container = await place.runtime.create({ ...request, tty: true, stdin: true }, soon());
    await place.runtime.start(request.id, place.handler, soon());
    await logWith({ id: request.id, request, container }, "it is a tty");
    await place.runtime.delete(request.id, place.handler, soon());
    await until(() => !place.runtime.alive(container.monitor), "the monitor's end");
  });
}
