import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { noLimit } from "../../spec/oci-json.ts";
import type { OciDevice } from "../../spec/oci-runtime.ts";
import { buildOciConfig } from "./build.ts";
import { containerCgroup } from "./cgroups-path.ts";
import type { HostFacts, OciConfigInput } from "./input.ts";
import { selinuxLabels } from "./selinux.ts";
import { exampleConfig, exampleInput, exampleMount, examplePod, withSecurity } from "./testing/example.ts";

const build = (changes: Partial<OciConfigInput> = {}) => buildOciConfig({ ...exampleInput, ...changes });
const host = (changes: Partial<HostFacts>): HostFacts => ({ ...exampleInput.host, ...changes });
const privilegedPod = {
  ...examplePod,
  config: { ...examplePod.config, security: { ...examplePod.config.security, privileged: true } },
};
const nullDevice: OciDevice = {
  path: "/dev/null",
  type: "c",
  major: 1,
  minor: 3,
  fileMode: 0o666,
  uid: 0,
  gid: 0,
};

test("the smallest container", () => {
  const config = build();
  assert.equal(config.ociVersion, "1.0.2");
  assert.deepEqual(config.root, { path: "/run/bundle/rootfs" });
  assert.deepEqual(config.process.args, ["/bin/web", "--serve"]);
  assert.equal(config.process.oomScoreAdj, 0);
  assert.equal(config.process.noNewPrivileges, false);
  assert.equal(config.linux.seccomp, undefined);
  assert.equal(config.linux.cgroupsPath, `/kubepods/pod1/${exampleInput.id}`);
  assert.deepEqual(config.linux.resources, { devices: [{ allow: false, access: "rwm" }] });
  assert.deepEqual(config, JSON.parse(JSON.stringify(config)));
});

test("the version rises with what needs it", () => {
  const rro = { ...exampleMount, readonly: true, recursiveReadOnly: true };
  const found = {
    ...exampleInput.found,
    mounts: [{ source: "/srv", propagation: "private", mountPoint: "/" } as const],
  };
  assert.equal(build({ config: { ...exampleConfig, mounts: [rro] }, found }).ociVersion, "1.1.0");
  const unified = { resources: { unified: { "memory.high": "1" } } };
  assert.equal(build({ config: { ...exampleConfig, ...unified } }).ociVersion, "1.1.0");
});

test("annotations tell whose container it is; orders to the runtime are left out", () => {
  const annotations = {
    "example.org/note": "kept",
    "io.kubernetes.cri.sandbox-id": "forged",
    "org.systemd.property.ExecStart": "'x'",
    "run.oci.hooks.stdout": "/tmp/x",
  };
  assert.deepEqual(build({ config: { ...exampleConfig, annotations } }).annotations, {
    "example.org/note": "kept",
    "io.kubernetes.cri.sandbox-id": examplePod.id,
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri.container-name": "web",
    "io.kubernetes.cri.image-name": "example.org/web:1",
    "io.kubernetes.cri.sandbox-name": "pod",
    "io.kubernetes.cri.sandbox-namespace": "default",
    "io.kubernetes.cri.sandbox-uid": "uid-1",
  });
});

test("the handler's settings say what more of the annotations passes", () => {
  const handler = {
    ...exampleInput.settings.handler,
    podAnnotations: ["io.katacontainers.*", "example.org/*"],
    containerAnnotations: ["run.oci.keep_original_groups"],
  };
  const of = (key: string, settings = { ...exampleInput.settings, handler }) => {
    const annotations = { [key]: "here" };
    const inPod = build({ settings, pod: { ...examplePod, config: { ...examplePod.config, annotations } } });
    const inContainer = build({ settings, config: { ...exampleConfig, annotations } });
    return [inPod.annotations?.[key], inContainer.annotations?.[key]];
  };
  assert.deepEqual(of("io.katacontainers.config.hypervisor.x"), ["here", undefined]);
  assert.deepEqual(of("example.org/note"), ["here", "here"]);
  assert.deepEqual(of("example.org/note", exampleInput.settings), [undefined, "here"]);
  assert.deepEqual(of("run.oci.keep_original_groups"), [undefined, "here"]);
  assert.deepEqual(of("run.oci.handler"), [undefined, undefined]);
  assert.deepEqual(of("io.kubernetes.cri.sandbox-id"), [examplePod.id, examplePod.id]);
  assert.deepEqual(of("io.kubernetes.cri-o.ContainerType"), [undefined, undefined]);
});

test("the pod's annotations of cgroups count where the handler allows them, with cgroup v2", () => {
  const annotations = {
    "io.kubernetes.cri-o.UnifiedCgroup.web": "memory.high=1000; pids.max=7",
    "cgroup2-mount-hierarchy-rw.crio.io": "true",
  };
  const pod = { ...examplePod, config: { ...examplePod.config, annotations } };
  const config = { ...exampleConfig, resources: { unified: { "memory.high": "5", "memory.low": "1" } } };
  const of = (changes: object, hostChanges: Partial<HostFacts> = {}) => {
    const handler = { ...exampleInput.settings.handler, ...changes };
    const settings = { ...exampleInput.settings, handler };
    const { linux, mounts } = build({ pod, config, settings, host: host(hostChanges) });
    const cgroup = mounts.find(({ destination }) => destination === "/sys/fs/cgroup");
    return { unified: linux.resources?.unified, isWritable: cgroup?.options?.includes("rw") };
  };
  assert.deepEqual(of({}), { unified: { "memory.high": "5", "memory.low": "1" }, isWritable: false });
  const allowedAnnotations = ["unified-cgroup.crio.io", "cgroup2-mount-hierarchy-rw.crio.io"];
  assert.deepEqual(of({ allowedAnnotations }), {
    unified: { "memory.high": "1000", "memory.low": "1", "pids.max": "7" },
    isWritable: true,
  });
  assert.equal(of({ cgroupWritable: true }).isWritable, true);
  const v1 = build({
    settings: {
      ...exampleInput.settings,
      handler: { ...exampleInput.settings.handler, cgroupWritable: true },
    },
    host: host({ cgroupVersion: 1 }),
  });
  assert.ok(v1.mounts.find(({ type }) => type === "cgroup")?.options?.includes("ro"));
});

test("cgroups by driver", () => {
  const pod = { ...examplePod, cgroup: "/kubepods.slice/kubepods-pod1.slice" };
  const systemd = { driver: "systemd", owner: "berth" } as const;
  const settings = { ...exampleInput.settings, cgroups: systemd };
  assert.equal(build({ pod, settings }).linux.cgroupsPath, `kubepods-pod1.slice:berth:${exampleInput.id}`);
  const scope = `/kubepods.slice/kubepods-pod1.slice/berth-${exampleInput.id}.scope`;
  assert.equal(containerCgroup(systemd, pod.cgroup, exampleInput.id), scope);
  assert.equal(
    containerCgroup({ driver: "cgroupfs", owner: "berth" }, "/kubepods/pod1", exampleInput.id),
    `/kubepods/pod1/${exampleInput.id}`,
  );
});

test("scopes are asked for so that nothing of them stays, and only the container's limits count", () => {
  const settings = { ...exampleInput.settings, cgroups: { driver: "systemd", owner: "berth" } as const };
  const ofScope = (unified: Record<string, string>, scopesHaveOomPolicy: boolean, runc = false) => {
    const config = { ...exampleConfig, resources: { unified, memoryLimit: 100 } };
    const runtime = { ...exampleInput.runtime, limitsInScope: runc };
    const host = { ...exampleInput.host, scopesHaveOomPolicy };
    const { annotations = {} } = build({ config, host, settings, runtime });
    return Object.entries(annotations).flatMap(([key, value]) =>
      key.startsWith("org.systemd.property.")
        ? [`${key.slice("org.systemd.property.".length)}=${value}`]
        : [],
    );
  };
  const always = ["CollectMode='inactive-or-failed'", "TasksMax=uint64 18446744073709551615"];
  assert.deepEqual(ofScope({}, true), always);
  assert.deepEqual(ofScope({ "memory.oom.group": "1" }, true), [...always, "OOMPolicy='kill'"]);
  assert.deepEqual(ofScope({ "memory.oom.group": "1" }, false), always);
  assert.deepEqual(ofScope({}, true, true), [...always, "MemorySwapMax=uint64 0"]);
  assert.deepEqual(ofScope({ "memory.swap.max": "100" }, true, true), always);
});

test("cgroups named as CRI-O's", () => {
  const pod = { ...examplePod, cgroup: "/kubepods/pod1" };
  for (const [driver, group, path] of [
    ["cgroupfs", "crio-", ""],
    ["systemd", "crio-", ".scope"],
  ] as const) {
    const crio = { driver, owner: "crio" } as const;
    const { cgroupsPath } = build({ pod, settings: { ...exampleInput.settings, cgroups: crio } }).linux;
    const cgroup = `/kubepods/pod1/${group}${exampleInput.id}${path}`;
    assert.equal(containerCgroup(crio, pod.cgroup, exampleInput.id), cgroup);
    assert.equal(cgroupsPath, driver === "cgroupfs" ? cgroup : `pod1:crio:${exampleInput.id}`);
  }
});

test("limits are clamped to what the daemon may set", () => {
  const rlimits = [{ type: "RLIMIT_NOFILE", soft: 5000, hard: 9000 }];
  const settings = {
    ...exampleInput.settings,
    container: { ...exampleInput.settings.container, rlimits, pidsLimit: 7 },
  };
  const config = { ...exampleConfig, resources: { oomScoreAdj: -997 } };
  const low = host({ oomScoreAdjMin: 100, rlimitMax: new Map([["RLIMIT_NOFILE", 4000]]) });
  const clamped = build({ settings, config, host: low });
  assert.equal(clamped.process.oomScoreAdj, 100);
  assert.deepEqual(clamped.process.rlimits, [{ type: "RLIMIT_NOFILE", soft: 4000, hard: 4000 }]);
  assert.deepEqual(clamped.linux.resources?.pids, { limit: 7 });
  const free = build({ settings, config });
  assert.equal(free.process.oomScoreAdj, -997);
  assert.deepEqual(free.process.rlimits, rlimits);
  const none = { type: "RLIMIT_CORE", soft: -1, hard: -1 };
  const endless = { ...settings, container: { ...settings.container, rlimits: [none] } };
  assert.deepEqual(build({ settings: endless }).process.rlimits, [{ ...none, soft: noLimit, hard: noLimit }]);
  const bounded = host({ rlimitMax: new Map([["RLIMIT_CORE", 4000]]) });
  assert.deepEqual(build({ settings: endless, host: bounded }).process.rlimits, [
    { ...none, soft: 4000, hard: 4000 },
  ]);
});

test("devices, and the rules for their use", () => {
  const device = { hostPath: "/dev/null", containerPath: "/dev/mine", permissions: "r" };
  const config = { ...exampleConfig, devices: [device] };
  const mine = { ...nullDevice, path: "/dev/mine" };
  const found = {
    ...exampleInput.found,
    devices: [{ requested: { ...device, field: "config.devices[0]" }, nodes: [mine] }],
    hostDevices: [nullDevice],
  };
  const plain = build({ config, found });
  assert.deepEqual(plain.linux.devices, [mine]);
  assert.deepEqual(plain.linux.resources?.devices, [
    { allow: false, access: "rwm" },
    { allow: true, type: "c", major: 1, minor: 3, access: "r" },
  ]);
  const privileged = { ...withSecurity({ privileged: true }), devices: [device] };
  const all = build({ config: privileged, found, pod: privilegedPod });
  assert.deepEqual(all.linux.devices, [nullDevice, mine]);
  assert.deepEqual(all.linux.resources?.devices, [{ allow: true, access: "rwm" }]);
  const settings = {
    ...exampleInput.settings,
    handler: { ...exampleInput.settings.handler, privilegedWithoutHostDevices: true },
  };
  assert.deepEqual(build({ config: privileged, found, pod: privilegedPod, settings }).linux.devices, [mine]);
  for (const permissions of ["", "rx", "rwmr"]) {
    const requested = { ...device, permissions, field: "config.devices[0]" };
    assert.throws(
      () => build({ config, found: { ...found, devices: [{ requested, nodes: [mine] }] } }),
      (error) => isFault(error, "invalid"),
    );
  }
});

test("privileged containers hide nothing, and need a privileged pod", () => {
  const config = withSecurity({
    privileged: true,
    maskedPaths: ["/proc/kcore"],
    readonlyPaths: ["/proc/sys"],
  });
  const { linux } = build({ config, pod: privilegedPod });
  assert.deepEqual([linux.maskedPaths, linux.readonlyPaths], [undefined, undefined]);
  assert.throws(
    () => build({ config }),
    (error) => isFault(error, "invalid") && /privileged/.test(error.message),
  );
  const plain = build({
    config: withSecurity({ maskedPaths: ["/proc/kcore/"], readonlyPaths: ["/a/../proc/sys"] }),
  });
  assert.deepEqual([plain.linux.maskedPaths, plain.linux.readonlyPaths], [["/proc/kcore/"], ["/proc/sys"]]);
  const relative = withSecurity({ maskedPaths: ["proc"] });
  assert.throws(
    () => build({ config: relative }),
    (error) => isFault(error, "invalid"),
  );
});

test("a pod with a user namespace: joined, with its mappings beside it", () => {
  const ids = { hostId: 65536, containerId: 0, length: 65536 };
  const namespaces = { ...examplePod.config.security.namespaces, user: { uids: ids, gids: ids } };
  const security = { ...examplePod.config.security, namespaces };
  const pod = {
    ...examplePod,
    config: { ...examplePod.config, security },
    namespaces: { ...examplePod.namespaces, user: "/run/ns/user" },
  };
  const { linux } = build({ pod });
  assert.ok(linux.namespaces.some(({ type, path }) => type === "user" && path === "/run/ns/user"));
  assert.deepEqual(linux.uidMappings, [{ hostID: 65536, containerID: 0, size: 65536 }]);
  const user = { uid: 0, gid: 65_536, supplementalGroups: [] };
  assert.throws(
    () => build({ pod, found: { ...exampleInput.found, user } }),
    (error) => isFault(error, "invalid") && /group 65536, .* ids 0 to 65535 only/.test(error.message),
  );
});

test("SELinux labels where the host has it; a malformed level is refused everywhere", () => {
  const options = { user: "", role: "", type: "my_t", level: "s0:c1,c2" };
  const request = { options, privileged: false, podId: "p", enabled: true };
  assert.deepEqual(selinuxLabels(request), {
    process: "system_u:system_r:my_t:s0:c1,c2",
    mount: "system_u:object_r:container_file_t:s0:c1,c2",
  });
  assert.equal(selinuxLabels({ ...request, enabled: false }), undefined);
  assert.equal(selinuxLabels({ ...request, privileged: true })?.process, undefined);
  const own = selinuxLabels({ ...request, options: undefined });
  assert.match(own?.process ?? "", /^system_u:system_r:container_t:s0:c\d+,c\d+$/);
  assert.deepEqual(selinuxLabels({ ...request, options: undefined }), own);
  const bad = { ...request, options: { ...options, level: "wrong" }, enabled: false };
  assert.throws(
    () => selinuxLabels(bad),
    (error) => isFault(error, "invalid"),
  );
});
