import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { pathsOf } from "../../config/paths.ts";
import { hostProcesses } from "../../linux/processes.ts";
import { BootstrapParams } from "../../wire/gen/shim-bootstrap.v1.ts";
import { RuncOptions } from "../../wire/gen/shim-options.v1.ts";
import { Any } from "../../wire/gen/task.v2.ts";
import { StartInputs } from "./start-input.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-start-input-"));
after(() => rmSync(directory, { recursive: true }));

const group = "b".repeat(64);
const signal = AbortSignal.timeout(60_000);
const env = { PATH: process.env.PATH ?? "", TTRPC_ADDRESS: "/run/berth/berth.sock.ttrpc" };

function pathsAt(state: string) {
  return pathsOf({ root: state, state, grpc: { socket: "/run/berth/berth.sock", group: "", maxMessage: 0 } });
}

const program = join(directory, "shim");
const askedFile = join(directory, "asked");

let installed = 0;

/** A shim that ends so when it is asked what it is, and notes what it was told. Each is of another size. */
function install(code: number): void {
  rmSync(askedFile, { force: true });
  rmSync(program, { force: true });
  const script = `[ "$*" = -info ] && cat >${askedFile}\nexit ${code}\n${"#".repeat(++installed)}\n`;
  writeFileSync(program, `#!/bin/sh\n${script}`, { mode: 0o755 });
}

function handlerOf(type: string, options: Record<string, string>) {
  return { name: "h", type, program, options, cgroup: undefined, env: {}, runtime: undefined };
}
const runc = handlerOf("io.containerd.runc.v2", { BinaryName: "crun" });

function binaryIn(any: Any | undefined): string {
  assert.equal(any?.typeUrl, "containerd.runc.v1.Options");
  return RuncOptions.decode(any.value).binaryName;
}

test("a shim is started with BootstrapParams, one from before containerd 2 with its options alone, as it is after an upgrade", async () => {
  const inputs = new StartInputs(hostProcesses());
  const input = (handler = runc) => inputs.of({ group, handler, env }, pathsAt("/run/berth"), signal);
  install(2);
  const options = await input();
  assert.equal(binaryIn(Any.decode(options)), "crun");
  assert.deepEqual(readFileSync(askedFile), Buffer.from(options), "what it is may depend on its options");
  assert.equal((await input(handlerOf("io.containerd.kata.v2", {}))).length, 0);
  install(0);
  const { extensions, ...params } = BootstrapParams.decode(await input());
  assert.deepEqual(params, {
    instanceId: group,
    namespace: "k8s.io",
    logLevel: 0,
    containerdVersion: "",
    containerdTtrpcAddress: "/run/berth/berth.sock.ttrpc",
    containerdGrpcAddress: "/run/berth/berth.sock",
    containerdBinary: params.containerdBinary,
    socketDir: "/run/berth/s",
  });
  assert.ok(existsSync(params.containerdBinary));
  assert.deepEqual(
    extensions.map(({ value }) => binaryIn(value)),
    ["crun"],
  );
  rmSync(askedFile);
  await input();
  assert.ok(!existsSync(askedFile), "the same program was asked before");
  install(1); // such as for want of its runtime
  assert.equal(BootstrapParams.decode(await input()).instanceId, group);
});

test("no socket is asked for at a path that would be too long", async () => {
  install(0);
  const inputs = new StartInputs(hostProcesses());
  const paths = pathsAt(`/${"x".repeat(41)}`);
  const params = await inputs.of({ group, handler: runc, env }, paths, signal);
  assert.equal(BootstrapParams.decode(params).socketDir, undefined);
});

test("a program that is not there is told of", async () => {
  const handler = { ...runc, program: join(directory, "missing") };
  const inputs = new StartInputs(hostProcesses());
  await assert.rejects(
    inputs.of({ group, handler, env }, pathsAt("/run/berth"), signal),
    (error) => isFault(error, "unavailable") && error.message.includes("missing"),
  );
});
