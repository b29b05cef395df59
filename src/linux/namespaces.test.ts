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
  const run = async (path: string, args: readonly string[]) => {
    const env = { PATH: process.env.PATH ?? "" };
    return await processes.run({ path, args, env, maxOutput: 65_536 }, AbortSignal.timeout(10_000));
  };
  const inside = async (pins: string, command: string, ...options: readonly string[]) => {
    const entered = [...options, `--net=${pins}/net`, `--ipc=${pins}/ipc`, `--uts=${pins}/uts`];
    const done = await run("nsenter", [...entered, "sh", "-c", command]);
    return `${done.stdout}${done.stderr}`.trim();
  };
  const asRootInside = (pins: string, command: string) =>
    inside(pins, command, `--user=${pins}/user`, "--setuid=0", "--setgid=0");

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

  it("makes namespaces that a new user namespace owns", async () => {
    const users = { uids: { hostId: 200_000, length: 65_536 }, gids: { hostId: 300_000, length: 1000 } };
    const sysctls = { "net.ipv4.ip_unprivileged_port_start": "7", "kernel.shm_rmid_forced": "1" };
    await namespaces.pin({ directory: at("pod"), kinds, hostname: "inner-name", sysctls, users });
    const maps = await asRootInside(at("pod"), "cat /proc/self/uid_map /proc/self/gid_map");
    assert.deepEqual(maps.trim().split(/\s+/), ["0", "200000", "65536", "0", "300000", "1000"]);
    const settings = ["net/ipv4/ip_unprivileged_port_start", "kernel/shm_rmid_forced"];
    const read = settings.map((name) => `/proc/sys/${name}`).join(" ");
    assert.equal(await asRootInside(at("pod"), `hostname; cat ${read}`), "inner-name\n7\n1");
    // Only who owns a namespace may change it.
    const change =
      "hostname other && ip link set lo down && echo 0 > /proc/sys/kernel/shm_rmid_forced && hostname";
    assert.equal(await asRootInside(at("pod"), change), "other");
    const { stdout } = await run("ps", ["-eo", "ppid,args"]);
    assert.doesNotMatch(Buffer.from(stdout).toString(), new RegExp(`^ *${process.pid} .*cat$`, "m"));
  });

  it("makes a user namespace alone, and the others at other times with other ids", async () => {
    const one = { uids: { hostId: 200_000, length: 10 }, gids: { hostId: 200_000, length: 10 } };
    const other = { uids: { hostId: 300_000, length: 10 }, gids: { hostId: 300_000, length: 10 } };
    await namespaces.pin({ directory: at("one"), kinds: [], hostname: "", sysctls: {}, users: one });
    await namespaces.pin({ directory: at("other"), kinds: ["ipc"], hostname: "", sysctls: {}, users: other });
    assert.deepEqual(readdirSync(at("one")), ["user"]);
    assert.deepEqual(readdirSync(at("other")), ["ipc", "user"]);
    assert.notEqual(statSync(at("one/user")).ino, statSync(at("other/user")).ino);
  });

  it("says which ids the kernel does not take, and leaves nothing", async () => {
    const users = { uids: { hostId: 200_000, length: 10 }, gids: { hostId: 4_294_967_295, length: 1 } };
    await assert.rejects(
      namespaces.pin({ directory: at("pod"), kinds, hostname: "", sysctls: {}, users }),
      /mapping gids 0 to 0 from 4294967295 on: the kernel refuses it/,
    );
    assert.ok(!existsSync(at("pod")));
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
        sysctls: { "net.ipv4.ip_unprivileged_port_start": `${7000 + index}` },
      });
    await Promise.all(names.map(pin));
    const files = ["/proc/net/dev", "/proc/sys/net/ipv4/ip_unprivileged_port_start"];
    const read = await Promise.all(names.map((name) => namespaces.readWithin(at(`${name}/net`), files)));
    for (const [index, [devices, start]] of read.entries()) {
      assert.match(devices ?? "", /lo:/);
      assert.equal(start, `${7000 + index}\n`);
      assert.ok(!/eth0|veth/.test(devices ?? ""));
    }
    await assert.rejects(namespaces.readWithin(at("none/net"), files), { kind: "notFound" });
    // By what is the node's alone, and stays: its interfaces come and go.
    const [, setting = ""] = files;
    const [own] = await namespaces.readWithin("/proc/self/ns/net", [setting]);
    assert.equal(own, readFileSync(setting, "utf8"));
  });

  it("tells an interface's first address of IPv4, and all of IPv6", async () => {
    await namespaces.pin({ directory: at("pod"), kinds, hostname: "", sysctls: {} });
    const hasIpv6 = existsSync("/proc/net/if_inet6");
    const make = "ip link add eth0 type veth peer name other && ip link set eth0 up";
    const give = ["10.1.2.3/24", "10.1.2.4/24", ...(hasIpv6 ? ["fd00:0:0::7/64"] : [])];
    const commands = [make, ...give.map((address) => `ip address add ${address} dev eth0`)];
    assert.equal(await inside(at("pod"), commands.join(" && ")), "");
    const found = await namespaces.addressesWithin(at("pod/net"), "eth0");
    const given = found.filter((address) => !address.startsWith("fe80:"));
    assert.deepEqual(given, hasIpv6 ? ["10.1.2.3", "fd00::7"] : ["10.1.2.3"]);
    assert.deepEqual(await namespaces.addressesWithin(at("pod/net"), "eth1"), []);
    await assert.rejects(namespaces.addressesWithin(at("none/net"), "eth0"), { kind: "notFound" });
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
