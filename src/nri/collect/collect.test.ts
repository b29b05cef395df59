import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import {
  Container,
  ContainerAdjustment,
  ContainerUpdate,
  Hooks,
  LinuxContainer,
  LinuxResources,
} from "../../wire/gen/nri.v1alpha1.ts";
import { CollectedAdjustment } from "./adjustment.ts";
import { Owners } from "./owners.ts";
import { CollectedUpdates } from "./updates.ts";

type Answer = Parameters<typeof ContainerAdjustment.create>[0];

function collect(...answers: Answer[]) {
  const owners = new Owners();
  const base = Container.create({
    id: "c1",
    env: ["PATH=/bin", "HOME=/"],
    mounts: [{ destination: "/etc/hosts", source: "/hosts" }],
    annotations: { old: "1" },
  });
  const collected = new CollectedAdjustment(
    { ...base, hooks: Hooks.create({}), linux: LinuxContainer.create({}) },
    owners,
  );
  for (const [index, answer] of answers.entries())
    collected.apply(ContainerAdjustment.create(answer), `${index}0-p`);
  return { ...collected, owners: owners.list("c1"), message: owners.message() };
}

const conflicts = (words: RegExp, ...answers: Answer[]) =>
  assert.throws(
    () => collect(...answers),
    (error) => isFault(error, "wrongState") && words.test(error.message),
  );

test("each kind of thing is set once; the second plugin to set it is refused, and both are named", () => {
  const linux = (of: object): Answer => ({ linux: of });
  const cases: [RegExp, Answer][] = [
    [/annotations a was/, { annotations: { a: "1" } }],
    [/mounts \/m was/, { mounts: [{ destination: "/m" }] }],
    [/env E was/, { env: [{ key: "E", value: "1" }] }],
    [/args was/, { args: ["sh"] }],
    [/rlimits RLIMIT_NOFILE was/, { rlimits: [{ type: "RLIMIT_NOFILE" }] }],
    [/cdi devices v\/c=d was/, { cdiDevices: [{ name: "v/c=d" }] }],
    [/devices \/dev\/x was/, linux({ devices: [{ path: "/dev/x" }] })],
    [/mem limit was/, linux({ resources: { memory: { limit: { value: 1n } } } })],
    [/cpu set cpus was/, linux({ resources: { cpu: { cpus: "0" } } })],
    [/hugepage limits 2MB was/, linux({ resources: { hugepageLimits: [{ pageSize: "2MB" }] } })],
    [/cgroups unified memory.high was/, linux({ resources: { unified: { "memory.high": "1" } } })],
    [/pids limit was/, linux({ resources: { pids: { limit: 5n } } })],
    [/blockio class was/, linux({ resources: { blockioClass: { value: "x" } } })],
    [/cgroups path was/, linux({ cgroupsPath: "/x" })],
    [/oom score adj was/, linux({ oomScoreAdj: { value: 1n } })],
    [/io priority was/, linux({ ioPriority: { class: 2, priority: 1 } })],
    [/seccomp policy was/, linux({ seccompPolicy: { defaultAction: "SCMP_ACT_ALLOW" } })],
    [/namespace ipc was/, linux({ namespaces: [{ type: "ipc" }] })],
    [/sysctl kernel.msgmax was/, linux({ sysctl: { "kernel.msgmax": "1" } })],
    [/net devices eth9 was/, linux({ netDevices: { eth9: { name: "x" } } })],
    [/linux sched was/, linux({ scheduler: { policy: 1 } })],
    [/rdt clos id was/, linux({ rdt: { closId: { value: "x" } } })],
    [/memory policy was/, linux({ memoryPolicy: { mode: 2, nodes: "0" } })],
  ];
  for (const [words, answer] of cases) {
    assert.equal(Object.keys(collect(answer, {}).owners).length, 1, String(words));
    conflicts(words, answer, answer);
    conflicts(/set by 00-p and 10-p both/, answer, answer);
  }
});

test("what is removed first may be set again, and what nobody set again is told as removed", () => {
  const { adjustment, container, owners } = collect(
    {
      env: [{ key: "E", value: "1" }],
      annotations: { a: "1" },
      mounts: [{ destination: "/m", source: "/1" }],
    },
    {
      env: [{ key: "-E" }, { key: "E", value: "2" }, { key: "-HOME" }],
      annotations: { "-a": "", a: "2", "-old": "" },
      mounts: [{ destination: "-/m" }, { destination: "/m", source: "/2" }, { destination: "-/etc/hosts" }],
      linux: { namespaces: [{ type: "-ipc" }] },
    },
  );
  assert.deepEqual(container.env, ["PATH=/bin", "E=2"]);
  assert.deepEqual(container.annotations, { a: "2" });
  assert.deepEqual(
    container.mounts.map(({ destination, source }) => [destination, source]),
    [["/m", "/2"]],
  );
  assert.deepEqual(
    adjustment.env.map(({ key, value }) => `${key}=${value}`),
    ["-E=", "-HOME=", "E=2"],
  );
  assert.deepEqual(adjustment.annotations, { "-a": "", a: "2", "-old": "" });
  assert.equal(owners["env E"], "10-p");
  assert.equal(owners["env HOME"], "-10-p");
  const { adjustment: args } = collect({ args: ["sh"] }, { args: ["", "bash", "-l"] });
  assert.deepEqual(args.args, ["bash", "-l"]);
});

test("hooks and device rules add up", () => {
  const answer: Answer = {
    hooks: { prestart: [{ path: "/h" }] },
    linux: { resources: { devices: [{ allow: true, access: "r" }] } },
  };
  const { adjustment, owners, message } = collect(answer, answer);
  assert.equal(adjustment.hooks.prestart.length, 2);
  assert.equal(adjustment.linux.resources?.devices.length, 2);
  assert.deepEqual(owners, { "oci hooks": "00-p,10-p" });
  assert.deepEqual(message, { owners: { c1: { simple: { 3: "00-p,10-p" }, compound: {} } } });
});

test("RDT that one has set another may take away, or set anew", () => {
  const set: Answer = { linux: { rdt: { closId: { value: "gold" } } } };
  assert.equal(collect(set, { linux: { rdt: { remove: true } } }).adjustment.linux.rdt?.remove, true);
  const anew: Answer = { linux: { rdt: { remove: true, closId: { value: "lead" } } } };
  assert.equal(collect(set, anew).adjustment.linux.rdt?.closId?.value, "lead");
});

test("updates of one container by several plugins are one; conflicts count, unless their failure is ignored", () => {
  const update = (id: string, resources: object, ignoreFailure = false) =>
    ContainerUpdate.create({ containerId: id, linux: { resources }, ignoreFailure });
  const limit = (value: bigint) => ({ memory: { limit: { value } } });
  const own = LinuxResources.create({ cpu: { shares: { value: 2n } } });
  const updates = new CollectedUpdates(new Owners(), { id: "c1", resources: own });
  updates.apply([update("c1", limit(5n)), update("c2", limit(6n), true)], "10-a");
  updates.apply([update("c2", { cpu: { cpus: "0" } }), update("c1", limit(7n), true)], "20-b");
  assert.equal(updates.resources("c1")?.memory?.limit?.value, 5n);
  assert.equal(updates.resources("c1")?.cpu?.shares?.value, 2n, "what the request itself asked for");
  const [other, ...more] = updates.others("c1");
  assert.equal(more.length, 0);
  assert.deepEqual(
    [other?.update.containerId, other?.update.linux?.resources?.cpu?.cpus, other?.update.ignoreFailure],
    ["c2", "0", false],
  );
  assert.deepEqual(other?.owners, { "mem limit": "10-a", "cpu set cpus": "20-b" });
  assert.throws(() => updates.apply([update("c2", limit(1n))], "30-c"), /mem limit was set by 10-a and 30-c/);
  assert.throws(() => updates.apply([update("new", limit(1n))], "30-c", "new"), /while it is created/);
});
