import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { HostThread } from "./host-thread.ts";
import { hostMounts } from "./mounts.ts";
import { hostNamespaces } from "./namespaces.ts";
import { hostProcesses } from "./processes.ts";

const isRoot = process.getuid?.() === 0;

describe("hostNamespaces", { skip: isRoot ? false : "NOT RUN: making namespaces needs root" }, () => {
  const mounts = hostMounts();
  const thread = new HostThread(60_000);
  const namespaces = hostNamespaces(thread, mounts);
  const processes = hostProcesses();
  const kinds = ["net", "ipc", "uts"] as const;
  let base: string;
  const at = (name: string) => join(base, name);
  const inside = async (pins: string, command: string) => {
    const args = [`--net=${pins}/net`, `--ipc=${pins}/ipc`, `--uts=${pins}/uts`, "sh", "-c", command];
    const env = { PATH: process.env.PATH ?? "" };
    const done = await processes.run(
      { path: "nsenter", args, env, maxOutput: 4096 },
      AbortSignal.timeout(10_000),
    );
    return `${done.stdout}${done.stderr}`.trim();
  };

  before(() => {
    base = mkdtempSync(join(tmpdir(), "berth-ns-"));
  });
  afterEach(async () => {
    for (const name of readdirSync(base)) await namespaces.unpin(at(name));
    assert.deepEqual(await mounts.below(base), []);
  });
  after(async () => {
    rmdirSync(base);
    await thread[Symbol.asyncDispose]();
  });

  it("makes namespaces that a program can enter: hostname, lo up, sysctls set, the host's untouched", async () => {
    const forwards = readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8");
    const sysctls = { "net.ipv4.ip_unprivileged_port_start": "7", "kernel.shm_rmid_forced": "1" };
    await namespaces.pin({ directory: at("pod"), kinds, hostname: "inner-name", sysctls });
    assert.equal(await inside(at("pod"), "hostname"), "inner-name");
    const files = "/proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced";
    assert.equal(await inside(at("pod"), `cat ${files}`), "7\n1");
    assert.match(await inside(at("pod"), "cat /proc/self/net/fib_trie"), /127\.0\.0\.1/);
    assert.match(await inside(at("pod"), "cat /proc/self/net/if_inet6 || :"), /lo|No such file/);
    assert.notEqual(hostname(), "inner-name");
    assert.equal(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"), forwards);
    for (const kind of kinds) {
      const own = statSync(`/proc/self/ns/${kind}`).ino;
      assert.notEqual(statSync(at(`pod/${kind}`)).ino, own);
      assert.ok(
        existsSync(`/proc/self/ns/${kind}`) && readlinkSync(`/proc/self/ns/${kind}`).includes(`${own}`),
      );
    }
  });

  it("makes only what is asked for, in a directory that is there or not", async () => {
    mkdirSync(at("pod"));
    await namespaces.pin({ directory: at("pod"), kinds: ["ipc"], hostname: "", sysctls: {} });
    assert.deepEqual(readdirSync(at("pod")), ["ipc"]);
    await namespaces.pin({ directory: at("none"), kinds: [], hostname: "", sysctls: {} });
    assert.ok(!existsSync(at("none")));
  });

  it("leaves nothing when a step fails, and goes on with the next", async () => {
    const request = { directory: at("pod"), kinds, hostname: "x", sysctls: { "net.ipv4.nothing": "1" } };
    await assert.rejects(namespaces.pin(request), {
      kind: "invalid",
      message: /net\.ipv4\.nothing=1: refused/,
    });
    assert.ok(!existsSync(at("pod")));
    await assert.rejects(namespaces.pin({ ...request, sysctls: { "net.ipv4.ip_forward": "no" } }), {
      kind: "invalid",
    });
    await assert.rejects(namespaces.pin({ ...request, sysctls: { "kernel.panic": "1" } }), {
      kind: "invalid",
    });
    const longName = { ...request, sysctls: {}, hostname: "h".repeat(65) };
    await assert.rejects(namespaces.pin(longName), { kind: "invalid", message: /hostname/ });
    assert.deepEqual(readdirSync(base), []);
    assert.deepEqual(await mounts.below(base), []);
    await namespaces.pin({ ...request, sysctls: {} });
    assert.equal(await inside(at("pod"), "hostname"), "x");
  });

  it("does not touch pins that are there", async () => {
    const request = { directory: at("pod"), kinds, hostname: "first", sysctls: {} };
    await namespaces.pin(request);
    const { ino } = statSync(at("pod/net"));
    await assert.rejects(namespaces.pin({ ...request, hostname: "second" }), { kind: "alreadyExists" });
    assert.equal(statSync(at("pod/net")).ino, ino);
    assert.equal(await inside(at("pod"), "hostname"), "first");
  });

  it("takes away half of a pin, and nothing at all", async () => {
    mkdirSync(at("pod"));
    writeFileSync(at("pod/net"), "");
    await namespaces.unpin(at("pod"));
    assert.ok(!existsSync(at("pod")));
    await namespaces.unpin(at("pod"));
  });

  it("reads from within several namespaces at once", async () => {
    const names = Array.from({ length: 8 }, (_, index) => `pod${index}`);
    const pin = (name: string, index: number) =>
      namespaces.pin({
        directory: at(name),
        kinds: ["net"],
        hostname: "",
        sysctls: { "net.ipv4.ip_unprivileged_port_start": `${index}` },
      });
    await Promise.all(names.map(pin));
    const files = ["/proc/net/dev", "/proc/sys/net/ipv4/ip_unprivileged_port_start"];
    const read = await Promise.all(names.map((name) => namespaces.readWithin(at(`${name}/net`), files)));
    for (const [index, [devices, start]] of read.entries()) {
      assert.match(devices ?? "", /lo:/);
      assert.equal(start, `${index}\n`);
      assert.ok(!/eth0|veth/.test(devices ?? ""));
    }
    await assert.rejects(namespaces.readWithin(at("none/net"), files), { kind: "notFound" });
    const [own] = await namespaces.readWithin("/proc/self/ns/net", ["/proc/net/dev"]);
    assert.equal(own?.split("\n").length, readFileSync("/proc/net/dev", "utf8").split("\n").length);
  });

  it("ends its thread when idle and starts another", async () => {
    await using shortLived = new HostThread(30);
    const short = hostNamespaces(shortLived, mounts);
    const threads = () => readdirSync("/proc/self/task").length;
    const before = threads();
    await short.readWithin("/proc/self/ns/net", ["/proc/net/dev"]);
    assert.equal(threads(), before + 1);
    for (const until = Date.now() + 5000; threads() > before && Date.now() < until; ) await sleep(10);
    assert.equal(threads(), before);
    await short.readWithin("/proc/self/ns/net", ["/proc/net/dev"]);
  });
});
