import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import { Fault } from "../../../base/fault.ts";
import type { ContainerId } from "../../../base/ids.ts";
import { newPodSandboxId } from "../../../base/ids.ts";
import { pathsOf } from "../../../config/paths.ts";
import { RecordingCgroups } from "../../../linux/testing/recording-cgroups.ts";
import type { RuntimeHost } from "../../host.ts";
import { identityOf } from "../../identity-of.ts";
import { readMarker, writeMarker } from "../marker.ts";
import type { Shim } from "../shim.ts";
import { SandboxWatch } from "./watch.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-sandbox-watch-"));
after(() => rmSync(directory, { recursive: true }));
const paths = pathsOf({ root: directory, state: directory, grpc: { socket: "", group: "" } } as never);
mkdirSync(paths.exits);
const host = { log: pino({ level: "silent" }), cgroups: new RecordingCgroups() } as Partial<RuntimeHost>;
const notFound = () => Promise.reject(new Fault("notFound", "no such sandbox"));
const never = () => new Promise<never>(() => undefined);
const self = identityOf(process.pid, "this process");

let id: ContainerId;
let watch: SandboxWatch;
beforeEach(() => {
  id = newPodSandboxId() as string as ContainerId;
  mkdirSync(paths.container(id).bundle, { recursive: true });
  writeMarker(id, { group: id, handler: "h", stdinOnce: false, isSandbox: true, init: self }, paths);
  watch = new SandboxWatch({ host: host as RuntimeHost, paths });
});

/** A shim that says what it is given to say; its connection stands until `lose`. */
function shimThatSays(says: Partial<Shim["sandboxes"]>, process = self) {
  const closed = Promise.withResolvers<Fault>();
  const shim = { process, sandboxes: says, client: { closed: closed.promise } } as unknown as Shim;
  return { shim, lose: () => closed.resolve(new Fault("unavailable", "closed")) };
}

const note = () => readFileSync(paths.container(id).exitFile, "utf8");
/** Settles when the end is noted. */
async function noted(): Promise<void> {
  while (!existsSync(paths.container(id).exitFile)) await sleep(5);
}

test("an end that is told is noted with its code and time", async () => {
  const exitedAt = { seconds: 1_700_000_000n, nanos: 500_000_000 };
  watch.watch(id, shimThatSays({ waitSandbox: async () => ({ exitStatus: 3, exitedAt }) }).shim);
  await noted();
  assert.equal(note(), "3");
  assert.equal(statSync(paths.container(id).exitFile).mtimeMs, 1_700_000_000_500);
  assert.equal(readMarker(id, paths)?.over, "noted");
});

test("an answer without a time ends nothing while the shim says that the sandbox is ready, or does not say", async () => {
  const waitSandbox = async () => ({ exitStatus: 0, exitedAt: undefined });
  for (const state of ["SANDBOX_READY", ""]) {
    watch.watch(id, shimThatSays({ waitSandbox, sandboxStatus: async () => ({ state }) as never }).shim);
    await sleep(20);
    assert.ok(!existsSync(paths.container(id).exitFile), state);
    await watch.forget(id);
  }
  const sandboxStatus = async () => ({ state: "SANDBOX_NOTREADY" }) as never;
  watch.watch(id, shimThatSays({ waitSandbox, sandboxStatus }).shim);
  await noted();
  assert.equal(note(), "0");
});

test("a shim that was started earlier is asked whether its sandbox lives; one that it does not know has ended", async () => {
  const asked: string[] = [];
  const pingSandbox = (): Promise<never> => {
    asked.push("ping");
    return notFound();
  };
  watch.watch(id, shimThatSays({ pingSandbox, waitSandbox: never }).shim, true);
  await noted();
  assert.deepEqual([asked, note()], [["ping"], "255"]);
});

test("with its shim a sandbox is lost, and what stood for it is killed", async () => {
  const [shimProcess, sandboxProcess] = [1, 2].map(() => spawn("sleep", ["1000"]));
  const [process, init] = [shimProcess, sandboxProcess].map((child) => identityOf(child?.pid, "sleep"));
  assert.ok(process !== undefined && init !== undefined && shimProcess && sandboxProcess);
  writeMarker(id, { group: id, handler: "h", stdinOnce: false, isSandbox: true, init }, paths);
  const { shim, lose } = shimThatSays({ waitSandbox: never }, process);
  const waitSandbox = () => shim.client.closed.then((why) => Promise.reject(why));
  Object.assign(shim.sandboxes, { waitSandbox });
  watch.watch(id, shim);
  const ended = once(sandboxProcess, "exit");
  shimProcess.kill("SIGKILL");
  await once(shimProcess, "exit");
  lose();
  await ended;
  await noted();
  assert.equal(note(), "255 monitorLost");
});

test("of one that is taken away nothing is noted, though its connection is closed then", async () => {
  const waiting = (_request: object, options: { signal?: AbortSignal } = {}) =>
    new Promise<never>((_, reject) => {
      options.signal?.addEventListener("abort", () => reject(new Fault("cancelled", "given up")));
    });
  watch.watch(id, shimThatSays({ waitSandbox: waiting as never }).shim);
  await watch.forget(id);
  assert.ok(!existsSync(paths.container(id).exitFile));
});
