import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { noLimit } from "../../spec/oci-json.ts";
import { oldestOciVersion } from "../../spec/oci-runtime.ts";
import { ContainerAdjustment } from "../../wire/gen/nri.v1alpha1.ts";
import { buildOciConfig } from "./build.ts";
import { withNri } from "./nri-edits.ts";
import { exampleInput } from "./testing/example.ts";

const built = buildOciConfig(exampleInput);
const noClasses = { blockIO: undefined, intelRdt: undefined };

function edited(
  adjustment: Parameters<typeof ContainerAdjustment.create>[0],
  classes: Parameters<typeof withNri>[2] = noClasses,
) {
  return withNri(built, ContainerAdjustment.create(adjustment), classes, exampleInput.host);
}

test("nothing that plugins leave alone changes", () => {
  assert.deepEqual(edited({}), built);
  assert.deepEqual(edited({ linux: { resources: {} } }), built);
});

test("the process: environment, arguments, limits, scores", () => {
  const { process } = edited({
    env: [{ key: "-PATH" }, { key: "NEW", value: "a=b" }, { key: "A=B", value: "c" }],
    args: ["sh", "-c"],
    rlimits: [{ type: "RLIMIT_NOFILE", soft: 5n, hard: 2n ** 64n - 1n }],
    linux: {
      oomScoreAdj: { value: -2000n },
      ioPriority: { class: 2, priority: 4 },
      scheduler: { policy: 4, nice: 5, flags: [0] },
    },
  });
  assert.ok(!process.env.some((entry) => entry.startsWith("PATH=")));
  assert.ok(process.env.includes("NEW=a=b"));
  assert.ok(process.env.includes("A=B=c"), "as upstream writes it");
  assert.deepEqual(process.args, ["sh", "-c"]);
  assert.deepEqual(process.rlimits, [{ type: "RLIMIT_NOFILE", soft: 5, hard: noLimit }]);
  assert.equal(process.oomScoreAdj, -1000, "the nearest that the daemon may set");
  assert.deepEqual(process.ioPriority, { class: "IOPRIO_CLASS_BE", priority: 4 });
  assert.equal(process.scheduler?.policy, "SCHED_BATCH");
  assert.deepEqual(process.scheduler?.flags, ["SCHED_FLAG_RESET_ON_FORK"]);
});

test("mounts take each other's place, go where they can be reached, and say what the root spreads", () => {
  const { mounts, linux } = edited({
    mounts: [
      { destination: "-/etc/hosts" },
      { destination: "/etc/resolv.conf", source: "/other", type: "bind", options: ["bind"] },
      { destination: "/a/b/c", source: "/deep", options: ["rbind", "rslave"] },
      { destination: "/a", source: "/flat", options: ["rbind"] },
    ],
  });
  const at = (path: string) => mounts.findIndex(({ destination }) => destination === path);
  assert.equal(at("/etc/hosts"), -1);
  assert.equal(mounts[at("/etc/resolv.conf")]?.source, "/other");
  assert.ok(at("/a") < at("/a/b/c"));
  assert.ok(at("/proc") < at("/a"), "what the kernel fills comes first");
  assert.equal(linux.rootfsPropagation, "rslave");
});

test("devices with their rules, namespaces, sysctls, hooks, seccomp", () => {
  const { linux, hooks, annotations } = edited({
    annotations: { mine: "1" },
    hooks: { createRuntime: [{ path: "/h", timeout: { value: 3n } }] },
    linux: {
      devices: [{ path: "/dev/x", type: "c", major: 1n, minor: 3n, fileMode: { value: 0o440 } }],
      namespaces: [{ type: "-ipc" }, { type: "uts", path: "/other" }],
      sysctl: { "net.x": "1" },
      seccompPolicy: {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["reboot"], action: "SCMP_ACT_ERRNO" }],
      },
      cgroupsPath: "/elsewhere",
      memoryPolicy: { mode: 2, nodes: "0", flags: [0] },
    },
  });
  assert.deepEqual(linux.devices, [{ path: "/dev/x", type: "c", major: 1, minor: 3, fileMode: 0o440 }]);
  assert.deepEqual(linux.resources?.devices?.at(-1), {
    allow: true,
    type: "c",
    major: 1,
    minor: 3,
    access: "rw",
  });
  assert.ok(!linux.namespaces.some(({ type }) => type === "ipc"));
  assert.deepEqual(
    linux.namespaces.filter(({ type }) => type === "uts"),
    [{ type: "uts", path: "/other" }],
  );
  assert.deepEqual(linux.sysctl, { "net.x": "1" });
  assert.equal(linux.seccomp?.syscalls?.[0]?.names[0], "reboot");
  assert.equal(linux.cgroupsPath, "/elsewhere");
  assert.deepEqual(linux.memoryPolicy, { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] });
  assert.deepEqual(hooks?.createRuntime, [{ path: "/h", args: [], env: [], timeout: 3 }]);
  assert.equal(annotations?.mine, "1");
  assert.equal(oldestOciVersion({ ...built, linux }), "1.3.0");
});

test("resources: a memory limit is one for swap, too, unless that has its own; classes as they were looked up", () => {
  const resources = (of: object) => edited({ linux: { resources: of } }).linux.resources;
  assert.deepEqual(resources({ memory: { limit: { value: 5n } } })?.memory, { limit: 5, swap: 5 });
  assert.deepEqual(resources({ memory: { limit: { value: 5n }, swap: { value: 9n } } })?.memory, {
    limit: 5,
    swap: 9,
  });
  assert.deepEqual(resources({ cpu: { quota: { value: -1n }, cpus: "0-1" } })?.cpu, {
    quota: -1,
    cpus: "0-1",
  });
  assert.deepEqual(resources({ pids: { limit: 7n }, unified: { "memory.high": "1" } })?.pids, { limit: 7 });
  const sizes = [
    { pageSize: "2MB", limit: 1n },
    { pageSize: "1GB", limit: 1n },
  ];
  assert.deepEqual(resources({ hugepageLimits: sizes })?.hugepageLimits, [{ pageSize: "2MB", limit: 1 }]);
  const classed = edited(
    { linux: { resources: { blockioClass: { value: "slow" }, rdtClass: { value: "gold" } } } },
    { blockIO: { weight: 10 }, intelRdt: { closID: "gold" } },
  ).linux;
  assert.deepEqual([classed.resources?.blockIO, classed.intelRdt], [{ weight: 10 }, { closID: "gold" }]);
});

test("a limit that no machine reaches is the largest that the format holds", () => {
  const { resources } = edited({
    linux: { resources: { memory: { limit: { value: 2n ** 63n - 1n } } } },
  }).linux;
  assert.equal(resources?.memory?.limit, Number.MAX_SAFE_INTEGER);
});

test("what this host or the format can't have is refused, with the field", () => {
  const refused = (words: RegExp, adjustment: Parameters<typeof edited>[0], host = exampleInput.host) =>
    assert.throws(
      () => withNri(built, ContainerAdjustment.create(adjustment), noClasses, host),
      (error) => isFault(error, "invalid") && words.test(error.message),
      String(words),
    );
  refused(/device \/dev\/x/, { linux: { devices: [{ path: "/dev/x", type: "q" }] } });
  const onV1 = { ...exampleInput.host, cgroupVersion: 1 as const };
  refused(/resources\.unified .*v2/, { linux: { resources: { unified: { "memory.high": "1" } } } }, onV1);
  refused(/resources\.unified: "\.\.\/x"/, { linux: { resources: { unified: { "../x": "1" } } } });
  const args = [{ value: 2n ** 60n }];
  refused(/seccomp rule/, { linux: { seccompPolicy: { syscalls: [{ names: ["x"], args }] } } });
  refused(/env: "=B"/, { env: [{ key: "=B", value: "1" }] });
  refused(/mounts: "\/"/, { mounts: [{ destination: "/", source: "/x" }] });
  refused(/mounts: ""/, { mounts: [{ source: "/x" }] });
  refused(/hooks\.poststop: "tool"/, { hooks: { poststop: [{ path: "tool" }] } });
  const unknown = 9 as 0;
  refused(/ioPriority\.class: 9/, { linux: { ioPriority: { class: unknown } } });
  refused(/scheduler\.policy: 9/, { linux: { scheduler: { policy: unknown } } });
  refused(/scheduler\.flags: 9/, { linux: { scheduler: { policy: 4, flags: [unknown] } } });
  refused(/memoryPolicy\.mode: 9/, { linux: { memoryPolicy: { mode: unknown } } });
});
