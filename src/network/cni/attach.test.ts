import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { describeFault } from "../../base/fault.ts";
import { bootedAt } from "../../linux/boot-id.ts";
import { NetworkWorkspace, podToAttach, unhurried } from "../testing/network-workspace.ts";

/** Two scripted plugins in a chain. */
async function chained(): Promise<NetworkWorkspace> {
  const workspace = await NetworkWorkspace.make();
  await workspace.plugin("first");
  await workspace.plugin("second");
  await workspace.configure("10-net.conflist", {
    cniVersion: "1.0.0",
    name: "net",
    plugins: [
      { type: "first", capabilities: { dns: true, mac: true }, mtu: 1400 },
      {
        type: "second",
        capabilities: { portMappings: true, bandwidth: true, ips: true, cgroupPath: true, dns: false },
      },
    ],
  });
  return workspace;
}

test("plugins are told all about the pod, one with the result of the other, and in reverse at the end", async () => {
  await using workspace = await chained();
  const network = await workspace.open();
  const dns = { servers: ["10.0.0.1"], searches: ["a.b"], options: ["ndots:5"] };
  const pod = podToAttach({
    dns,
    portMappings: [
      { protocol: "tcp", containerPort: 80, hostPort: 8080, hostIp: "" },
      { protocol: "udp", containerPort: 53, hostPort: 0, hostIp: "" },
    ],
    annotations: {
      "kubernetes.io/ingress-bandwidth": "10M",
      "berth/ips": "10.9.8.7/24, fd00::7",
      "berth/mac": "02:00:00:00:00:01",
    },
  });
  assert.deepEqual(await network.attach(pod, unhurried()), { addresses: ["10.9.8.7"], interfaces: [] });
  assert.deepEqual(await network.attachments(), [pod.id]);
  await network.check(pod.id, pod.netns, unhurried());
  await network.detach(pod.id, pod.netns, unhurried());
  await network.detach(pod.id, pod.netns, unhurried());
  assert.deepEqual(await network.attachments(), []);

  const calls = await workspace.calls();
  assert.deepEqual(
    calls.map(({ command, plugin }) => `${command} ${plugin}`),
    ["ADD first", "ADD second", "CHECK first", "CHECK second", "DEL second", "DEL first"],
  );
  const names = `K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=${pod.id};K8S_POD_UID=uid-1`;
  for (const call of calls) {
    assert.equal(call.container, pod.id);
    assert.equal(call.interface, "eth0");
    assert.equal(call.args, `IgnoreUnknown=1;${names}`);
    // At DEL nothing is pinned there, which plugins are told by an empty variable.
    assert.equal(call.netns, call.command === "DEL" ? "" : pod.netns);
  }
  const own = { type: "first", mtu: 1400, name: "net", cniVersion: "1.0.0" };
  assert.deepEqual(calls[0]?.config, { ...own, runtimeConfig: { dns, mac: "02:00:00:00:00:01" } });
  const { prevResult, runtimeConfig } = calls[1]?.config ?? {};
  assert.equal((prevResult as { by: string }).by, "first");
  assert.deepEqual(runtimeConfig, {
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp", hostIP: "" }],
    bandwidth: { ingressRate: 10_000_000, ingressBurst: 2_147_483_647 },
    ips: ["10.9.8.7/24", "fd00::7"],
    cgroupPath: "/berth/pod1",
  });
  for (const call of calls.slice(2)) assert.equal((call.config.prevResult as { by: string }).by, "second");
});

test("a plugin's error is told with plugin and network, and what was attached is detached", async () => {
  await using workspace = await chained();
  const network = await workspace.open();
  await workspace.behave(
    "second",
    "ADD",
    `echo '{"code":7,"msg":"no ports","details":"left\\u001b[31m"}'; exit 1`,
  );
  const pod = podToAttach();
  const refused = await network.attach(pod, unhurried()).catch((error: unknown) => error);
  assert.equal((refused as { kind: string }).kind, "unavailable");
  assert.equal(
    describeFault(refused),
    'network "net": plugin second, ADD failed: no ports; left [31m (CNI error 7)',
  );
  assert.deepEqual(await network.attachments(), []);
  const commands = (await workspace.calls()).map(({ command, plugin }) => `${command} ${plugin}`);
  assert.deepEqual(commands.slice(2), ["DEL second", "DEL first"]);
});

const spoiled: readonly [string, string, RegExp][] = [
  ["garbage at failure", 'echo "no\\tJSON"; echo oops >&2; exit 3', /exited with 3: it said: oops no JSON$/],
  ["silence at failure", "exit 1", /exited with 1: it said nothing/],
  ["death by a signal", "kill -9 $$", /was killed by SIGKILL/],
  ["nothing", "exit 0", /it printed nothing/],
  ["garbage", "echo hello; exit 0", /it printed no JSON object/],
  ["a list", "echo '[]'; exit 0", /it printed no JSON object/],
  ["a wrong address", `echo '{"ips":[{"address":"1.2.3/8"}]}'; exit 0`, /"1\.2\.3\/8" is no address/],
  ["no address", "echo '{}'; exit 0", /gave the pod no address/],
  ["more than it may", "yes | head -c 3000000; exit 0", /printed more than 1048576 bytes/],
];
for (const [what, commands, expected] of spoiled) {
  test(`a plugin that prints ${what} fails the pod, and leaves nothing`, async () => {
    await using workspace = await chained();
    const network = await workspace.open();
    await workspace.behave("second", "ADD", commands);
    const refused = await network.attach(podToAttach(), unhurried()).catch((error: unknown) => error);
    assert.match(describeFault(refused), expected);
    assert.deepEqual(await network.attachments(), []);
  });
}

test("a plugin that hangs is killed with its children, and its pod stays to be detached", async () => {
  await using workspace = await chained();
  const network = await workspace.open();
  await workspace.behave(
    "first",
    "ADD",
    'sleep 600 & echo $! >"$WORKSPACE/child.new"; mv "$WORKSPACE/child.new" "$WORKSPACE/child"; wait',
  );
  const pod = podToAttach();
  const late = new AbortController();
  const attaching = network.attach(pod, late.signal).catch((error: unknown) => error);
  const file = join(workspace.directory, "child");
  await until(async () => existsSync(file));
  late.abort(new DOMException("The deadline has passed", "TimeoutError"));
  const refused = await attaching;
  assert.equal((refused as { kind: string }).kind, "deadline");
  assert.match(describeFault(refused), /plugin first, ADD/);
  assert.deepEqual(await network.attachments(), [pod.id]);
  const child = (await readFile(file, "utf8")).trim();
  await network.detach(pod.id, pod.netns, unhurried());
  assert.ok(!(await isRunning(child)), "the plugin's child is still there");
  assert.deepEqual(await network.attachments(), []);
});

async function isRunning(pid: string): Promise<boolean> {
  const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "gone) Z");
  return !/\) [ZX]/.test(state);
}

test("a plugin that a killed daemon left at work is ended before the pod is detached", async () => {
  await using workspace = await chained();
  const network = await workspace.open();
  const pod = podToAttach();
  await workspace.behave("second", "ADD", "kill -9 $$");
  await workspace.behave("second", "DEL", "exit 1");
  await assert.rejects(network.attach(pod, unhurried()));
  const left = spawn("sleep", ["600"], { env: { PATH: process.env.PATH, CNI_CONTAINERID: pod.id } });
  const ended = once(left, "exit");
  await workspace.behave("second", "DEL", undefined);
  const restarted = await workspace.open();
  await restarted.sweep(() => false, unhurried());
  assert.deepEqual((await ended)[1], "SIGKILL");
  assert.deepEqual(await restarted.attachments(), []);
});

test("a pod is detached from the record alone, whatever became of the configuration", async () => {
  await using workspace = await chained();
  const pod = podToAttach();
  await (await workspace.open()).attach(pod, unhurried());
  await rm(workspace.confDir, { recursive: true });
  const restarted = await workspace.open();
  await restarted.detach(pod.id, pod.netns, unhurried());
  const [last] = (await workspace.calls()).slice(-1);
  assert.equal(last?.command, "DEL");
  assert.equal(last.config.mtu, 1400);
});

test("a pod whose plugin is gone is abandoned, and detached once the plugin is back", async () => {
  await using workspace = await chained();
  const network = await workspace.open();
  const pod = podToAttach();
  await network.attach(pod, unhurried());
  await rm(join(workspace.binDir, "first"));
  const refused = await network.detach(pod.id, pod.netns, unhurried()).catch((error: unknown) => error);
  assert.match(describeFault(refused), /plugin first, DEL: there is no such plugin in .*install the plugin/);
  assert.deepEqual(await network.attachments(), [pod.id]);
  await network.abandon(pod.id, "its plugin is gone");
  await network.abandon(pod.id, "twice does no harm");
  assert.deepEqual(await network.attachments(), []);
  await network.detach(pod.id, pod.netns, unhurried());
  await network.close();

  await workspace.plugin("first");
  const restarted = await workspace.open();
  await restarted.sweep(() => false, unhurried());
  await until(async () => !existsSync(join(workspace.cni, "abandoned", `${pod.id}.json`)));
  const [last] = (await workspace.calls()).slice(-1);
  assert.deepEqual([last?.command, last?.plugin, last?.netns], ["DEL", "first", ""]);
});

async function until(done: () => Promise<boolean>): Promise<void> {
  for (const signal = unhurried(); !(await done()); ) {
    assert.ok(!signal.aborted, "it did not come about");
    await sleep(20);
  }
}

test("the sweep detaches what has no record, keeps what has, and reads what a power loss left", async () => {
  await using workspace = await chained();
  const network = await workspace.open();
  const [known, unknown, cut] = [podToAttach(), podToAttach(), podToAttach()];
  for (const pod of [known, unknown, cut]) await network.attach(pod, unhurried());
  await truncate(workspace.cached(cut.id), 0);
  await network.sweep((id) => id === known.id, unhurried());
  assert.deepEqual(await network.attachments(), [known.id]);
  const deleted = (await workspace.calls()).filter(({ command }) => command === "DEL");
  assert.deepEqual(new Set(deleted.map(({ container }) => container)), new Set([unknown.id, cut.id]));
});

test("the sweep drops leases that an earlier boot left and no DEL can give back, and no others", async () => {
  await using workspace = await chained();
  const leases = join(workspace.directory, "leases");
  const ipam = { type: "host-local", dataDir: leases, ranges: [[{ subnet: "10.9.8.0/24" }]] };
  await workspace.configure("0.conf", { cniVersion: "1.0.0", name: "leased", type: "first", ipam });
  const network = await workspace.open();
  const attached = podToAttach();
  await network.attach(attached, unhurried());
  const others = podToAttach().id;
  const lease = async (address: string, text: string, at: Date) => {
    const file = join(leases, "leased", address);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    await utimes(file, at, at);
  };
  const earlier = new Date((bootedAt() ?? 0) - 60_000);
  await lease("10.9.8.2", `${attached.id}\r\neth0`, earlier);
  await lease("10.9.8.3", `${others}\r\neth0`, earlier);
  await lease("10.9.8.4", "", earlier);
  await lease("10.9.8.5", `${others}\r\neth0`, new Date());
  await lease("last_reserved_ip.0", "10.9.8.5", earlier);
  await network.sweep((id) => id === attached.id, unhurried());
  const left = (await readdir(join(leases, "leased"))).sort();
  assert.deepEqual(left, ["10.9.8.2", "10.9.8.5", "last_reserved_ip.0"]);
});

test("a name that would pose as another argument is refused, and so are annotations that mean nothing", async () => {
  await using workspace = await chained();
  const network = await workspace.open();
  const metadata = { name: "a;K8S_POD_NAME=b", uid: "u", namespace: "n", attempt: 0 };
  const refused = [
    podToAttach({ metadata }),
    podToAttach({ annotations: { "kubernetes.io/egress-bandwidth": "fast" } }),
    podToAttach({ annotations: { "berth/ips": "10.0.0.1;ls" } }),
    podToAttach({ annotations: { "berth/mac": "02:00" } }),
  ];
  for (const pod of refused) await assert.rejects(network.attach(pod, unhurried()), { kind: "invalid" });
  assert.deepEqual(await workspace.calls(), []);
  assert.deepEqual(await network.attachments(), []);
});

test("plugins that take address ranges get the kubelet's pod CIDRs, after a new start too", async () => {
  await using workspace = await NetworkWorkspace.make();
  await workspace.plugin("only");
  await workspace.configure("a.conf", {
    cniVersion: "1.0.0",
    name: "a",
    type: "only",
    capabilities: { ipRanges: true },
  });
  const network = await workspace.open();
  await assert.rejects(network.setPodCidrs(["10.0.0.0/33"]), { kind: "invalid" });
  await network.setPodCidrs(["10.1.0.0/24", "fd01::/64"]);
  await (await workspace.open()).attach(podToAttach(), unhurried());
  assert.deepEqual((await workspace.calls())[0]?.config.runtimeConfig, {
    ipRanges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd01::/64" }]],
  });
});

test("several networks give several interfaces, the first one's addresses first", async () => {
  await using workspace = await NetworkWorkspace.make();
  await workspace.plugin("one");
  await workspace.plugin("two");
  await workspace.behave(
    "two",
    "ADD",
    `echo '{"ips":[{"address":"fd00::2/64"},{"address":"10.2.2.2/24"}]}'; exit 0`,
  );
  await workspace.configure("2.conf", { cniVersion: "0.4.0", name: "b", type: "one" });
  await workspace.configure("1.conf", { cniVersion: "0.3.1", name: "a", type: "two" });
  const network = await workspace.open({ maxConfs: 2 });
  const pod = podToAttach();
  const { addresses } = await network.attach(pod, unhurried());
  assert.deepEqual(addresses, ["fd00::2", "10.2.2.2", "10.9.8.7"]);
  await network.detach(pod.id, pod.netns, unhurried());
  const calls = await workspace.calls();
  assert.deepEqual(
    calls.map(
      (call) => `${call.command} ${call.plugin} ${call.interface} ${call.config.prevResult !== undefined}`,
    ),
    // 0.3.1 knows no result at DEL.
    ["ADD two eth0 false", "ADD one eth1 false", "DEL one eth1 true", "DEL two eth0 false"],
  );
});
