import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { lockHolder } from "../../src/linux/lock-holder.ts";
import { assertFound, assertHealthy, examine } from "../harness/doctor.ts";
import { eventually } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { makeWorkspace, removeWorkspace, type Workspace } from "../harness/workspace.ts";

describe("berth doctor against what lies at berth's socket", privileged, () => {
  let workspace: Workspace;
  let child: ChildProcess | undefined;

  beforeEach(() => {
    workspace = makeWorkspace({ runtime: "crun" });
  });

  afterEach(async () => {
    await end();
    removeWorkspace(workspace);
  });

  /** Another process that takes connections there and says nothing. */
  async function listen(): Promise<number> {
    const at = `UNIX-LISTEN:${workspace.socket},fork,unlink-close=0`;
    child = spawn("socat", ["-u", at, "OPEN:/dev/null"], { stdio: "ignore" });
    // the file is there before anybody listens
    const listens = new RegExp(`^\\S+ \\S+ \\S+ 00010000 .* ${workspace.socket}$`, "m");
    await eventually(
      "a listener",
      5000,
      async () => listens.test(readFileSync("/proc/net/unix", "latin1")) || undefined,
    );
    return child.pid ?? 0;
  }

  async function end(): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child?.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  const look = () => examine(workspace, ["sockets", "daemon"]);

  test("another process that listens there is named, and what it leaves when it dies is told apart", async () => {
    const pid = await listen();
    chmodSync(workspace.socket, 0o666);
    const taken = await look();
    assert.equal(taken.code, 1);
    assertFound(
      taken,
      "problem",
      new RegExp(`is in use: socat \\(pid ${pid}\\) listens there`),
      /grpc\.socket/,
    );
    assertFound(taken, "problem", /open to every user/, /chmod 0660/);

    await end();
    chmodSync(workspace.socket, 0o660);
    const stale = await look();
    assertHealthy(stale);
    assertFound(stale, "note", /was left by a process that is gone/, /berth serve takes its place/);
  });

  test("a file in its place, and a directory that every user can write to", async () => {
    writeFileSync(workspace.socket, "");
    chmodSync(workspace.directory, 0o777);
    const found = await look();
    assertFound(found, "problem", /is there, and is no socket/, /^rm /);
    assertFound(
      found,
      "problem",
      new RegExp(`${workspace.directory} is writable for every user`),
      /chmod o-w/,
    );
  });

  test("metrics at a port that another program has, and at an address of another node", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const set = (address: string) =>
      writeFileSync(
        join(workspace.directory, "config.d/metrics.toml"),
        `[metrics]\naddress = "${address}"\n`,
      );
    mkdirSync(join(workspace.directory, "config.d"));
    set(`127.0.0.1:${port}`);
    const taken = await look();
    server.close();
    assertFound(
      taken,
      "problem",
      new RegExp(`metrics\\.address 127\\.0\\.0\\.1:${port} is in use`),
      /ss -xlntp/,
    );
    set("192.0.2.1:9321");
    assertFound(await look(), "problem", /192\.0\.2\.1:9321 can't be listened at/, /an address of this node/);
  });

  test("a berth that holds its lock but does not answer", async () => {
    mkdirSync(workspace.state);
    const lock = join(workspace.state, "berth.lock");
    child = spawn("flock", ["--no-fork", lock, "sleep", "60"], { stdio: "ignore" });
    await eventually("the lock", 5000, async () => lockHolder(lock));
    const found = await look();
    assertFound(
      found,
      "problem",
      new RegExp(`a berth runs \\(pid ${child.pid}\\), but does not answer`),
      /kill \d+/,
    );
  });
});
