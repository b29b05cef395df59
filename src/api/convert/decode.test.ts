import assert from "node:assert/strict";
import { test } from "node:test";
import { describeFault, isFault } from "../../base/fault.ts";
import { parseSignal } from "../../spec/signal.ts";
import * as cri from "../../wire/gen/runtime.v1.ts";
import { wholeContainerConfig, wholePodSandboxConfig } from "../testing/requests.ts";
import { decodeAuth } from "./decode-auth.ts";
import { decodeContainerConfig } from "./decode-container-config.ts";
import { decodePodSandboxConfig } from "./decode-pod-sandbox-config.ts";
import { encodePodSandboxConfig } from "./encode-pod-sandbox-config.ts";
import { encodeNamespaceOptions } from "./namespaces.ts";
import { decodeResources, encodeResources } from "./resources.ts";
import { decodeSignal, encodeSignal } from "./signal.ts";

const pod = (config: cri.PodSandboxConfig) => decodePodSandboxConfig(config, "config");
const container = (config: cri.ContainerConfig) => decodeContainerConfig(config, "config");

test("a pod sandbox with every field", () => {
  const config = pod(wholePodSandboxConfig());
  assert.deepEqual(config.metadata, { name: "web", uid: "uid-1", namespace: "default", attempt: 2 });
  assert.equal(config.shmSize, 128 << 20);
  assert.deepEqual(config.portMappings[0], {
    protocol: "tcp",
    containerPort: 80,
    hostPort: 8080,
    hostIp: "127.0.0.1",
  });
  const { security } = config;
  assert.deepEqual(security.seccomp, { kind: "runtimeDefault" });
  assert.deepEqual(security.apparmor, { kind: "localhost", ref: "web" });
  assert.equal(security.supplementalGroupsPolicy, "strict");
  assert.deepEqual(security.namespaces.user?.uids, { hostId: 100_000, containerId: 0, length: 65_536 });
  assert.deepEqual(
    encodeNamespaceOptions(security.namespaces),
    wholePodSandboxConfig().linux?.securityContext?.namespaceOptions,
  );
});

test("a pod sandbox's config survives the way to a shim", () => {
  const { metadata } = wholePodSandboxConfig();
  for (const given of [wholePodSandboxConfig(), cri.PodSandboxConfig.create({ metadata })]) {
    const config = pod(given);
    assert.deepEqual(pod(cri.PodSandboxConfig.decode(encodePodSandboxConfig(config))), config);
  }
});

test("a pod sandbox with nothing but its metadata has the CRI's defaults", () => {
  const { metadata } = wholePodSandboxConfig();
  const config = pod(cri.PodSandboxConfig.create({ metadata }));
  assert.deepEqual(config.security.namespaces, { network: "pod", pid: "pod", ipc: "pod" });
  assert.equal(config.cgroupParent, "");
  assert.equal("dns" in config || "shmSize" in config || "resources" in config, false);
});

test("a container with every field", () => {
  const config = container(wholeContainerConfig());
  assert.deepEqual(config.envs, [{ key: "PATH", value: "/bin:/usr/bin" }]);
  assert.equal(config.stopSignal, "SIGRTMIN+3");
  assert.deepEqual(config.security.apparmor, { kind: "localhost", ref: "old" });
  assert.deepEqual(config.security.seccomp, { kind: "localhost", ref: "/etc/s.json" });
  assert.equal(config.security.namespaces.targetId, "f".repeat(64));
  assert.equal(config.mounts[1]?.image?.image, "model:1");
  assert.equal(config.resources.oomScoreAdj, -997);
});

test("a container made by a client that knows only the least", () => {
  const config = container(
    cri.ContainerConfig.create({ metadata: { name: "a" }, image: { image: "busybox" }, stdinOnce: true }),
  );
  assert.deepEqual(config.resources, {});
  assert.equal(config.stopSignal, "");
  assert.equal(config.stdinOnce, false);
  assert.equal(config.security.seccomp, undefined);
});

test("resources survive the way to the domain and back", () => {
  const given = wholeContainerConfig().linux?.resources;
  assert.ok(given);
  assert.deepEqual(encodeResources(decodeResources(given, "linux")), given);
  const huge = { ...given, memoryLimitInBytes: (1n << 63n) - 1n, memorySwapLimitInBytes: -1n };
  assert.equal(decodeResources(huge, "linux").memoryLimit, Number.MAX_SAFE_INTEGER);
});

test("every signal has a name that leads back to it", () => {
  for (const number of Object.values(cri.Signal)) {
    const name = decodeSignal(number, "stop_signal");
    assert.equal(encodeSignal(name), number);
    if (name === "") continue;
    // as containers' records have it: one name for each number, which the CRI knows
    const { name: recorded, number: ofKernel } = parseSignal(name);
    const told = decodeSignal(encodeSignal(recorded), "stop_signal");
    assert.equal(parseSignal(told).number, ofKernel, name);
  }
  assert.equal(encodeSignal("SIG42"), cri.Signal.SIGNAL_RUNTIME_DEFAULT);
});

type Change<T> = [expected: string, change: (config: T) => void];

/** A part of a whole message, which has them all. */
function part<T>(value: T | undefined): T {
  assert.ok(value !== undefined);
  return value;
}

const wrongPods: Change<cri.PodSandboxConfig>[] = [
  ["config.metadata: missing", (c) => (c.metadata = undefined)],
  ["config.metadata.uid: missing", (c) => (part(c.metadata).uid = "")],
  ["config.windows: set, but this node runs Linux", (c) => (c.windows = { securityContext: undefined })],
  ["config.hostname: is longer than 64 characters", (c) => (c.hostname = "h".repeat(65))],
  ["config.hostname: holds a NUL byte", (c) => (c.hostname = "a\0b")],
  ['config.log_directory: "logs" is not an absolute path', (c) => (c.logDirectory = "logs")],
  ["config.log_directory: holds a NUL byte", (c) => (c.logDirectory = "/\0")],
  [
    'config.dns_config.servers[0]: "1.1.1.1\\nx" is not an address',
    (c) => (part(c.dnsConfig).servers = ["1.1.1.1\nx"]),
  ],
  ['config.dns_config.searches[0]: "a b" is not one word', (c) => (part(c.dnsConfig).searches = ["a b"])],
  [
    "config.port_mappings[0].container_port: 0 is not between 1 and 65535",
    (c) => (part(c.portMappings[0]).containerPort = 0),
  ],
  ['config.port_mappings[0].host_ip: "x" is not an address', (c) => (part(c.portMappings[0]).hostIp = "x")],
  [
    "config.port_mappings[0].protocol: 9 is not a value of this field",
    (c) => (part(c.portMappings[0]).protocol = 9 as cri.Protocol),
  ],
  [
    'config.annotations: io.berth.shm-size: "lots" is not a size as in 256Mi',
    (c) => (c.annotations["io.berth.shm-size"] = "lots"),
  ],
  ['config.linux.cgroup_parent: "a/../b" leads outside', (c) => (part(c.linux).cgroupParent = "/a/../b")],
  [
    'config.linux.sysctls: "net/../../x" is not the name of a sysctl',
    (c) => (part(c.linux).sysctls["net/../../x"] = "1"),
  ],
  [
    "config.linux.security_context.namespace_options.pid: a pod sandbox can't use that of a container",
    (c) => {
      const options = part(c.linux?.securityContext?.namespaceOptions);
      options.pid = cri.NamespaceMode.TARGET;
      options.targetId = "x";
    },
  ],
  [
    "config.linux.security_context.namespace_options.userns_options.uids: holds more than one mapping",
    (c) => {
      const { uids } = part(c.linux?.securityContext?.namespaceOptions?.usernsOptions);
      uids.push(part(uids[0]));
    },
  ],
  [
    "config.linux.security_context.namespace_options.userns_options.gids[0].container_id: is not 0",
    (c) => {
      part(c.linux?.securityContext?.namespaceOptions?.usernsOptions?.gids[0]).containerId = 1;
    },
  ],
  [
    "config.linux.security_context.namespace_options.userns_options.mode: only POD and NODE are possible",
    (c) => {
      part(c.linux?.securityContext?.namespaceOptions?.usernsOptions).mode = cri.NamespaceMode.CONTAINER;
    },
  ],
];

const wrongContainers: Change<cri.ContainerConfig>[] = [
  ["config.metadata.name: missing", (c) => (part(c.metadata).name = "")],
  ["config.image: missing", (c) => (c.image = undefined)],
  ["config.image.image: missing", (c) => (part(c.image).image = "")],
  ["config.envs[0].key: missing", (c) => (part(c.envs[0]).key = "")],
  ["config.envs[0].value: holds a NUL byte", (c) => (part(c.envs[0]).value = new Uint8Array([65, 0]))],
  [
    "config.envs[0].value: the value of PATH is not UTF-8, which the OCI runtime needs",
    (c) => (part(c.envs[0]).value = new Uint8Array([0xff])),
  ],
  ["config.command[0]: holds a NUL byte", (c) => (c.command = ["\0"])],
  ['config.log_path: "../x" leads outside', (c) => (c.logPath = "../x")],
  [
    'config.mounts[0].container_path: "data" is not an absolute path',
    (c) => (part(c.mounts[0]).containerPath = "data"),
  ],
  ["config.mounts[0].host_path: missing", (c) => (part(c.mounts[0]).hostPath = "")],
  ["config.mounts[1]: has both host_path and image", (c) => (part(c.mounts[1]).hostPath = "/x")],
  [
    "config.mounts[0].recursive_read_only: set, although readonly is not",
    (c) => (part(c.mounts[0]).readonly = false),
  ],
  [
    "config.mounts[0].recursive_read_only: set, although propagation is not private",
    (c) => (part(c.mounts[0]).propagation = cri.MountPropagation.PROPAGATION_BIDIRECTIONAL),
  ],
  ['config.mounts[1].image_sub_path: "a/.." leads outside', (c) => (part(c.mounts[1]).imageSubPath = "a/..")],
  [
    'config.devices[0].permissions: "x" is not made of r, w and m',
    (c) => (part(c.devices[0]).permissions = "x"),
  ],
  [
    "config.linux.resources.oom_score_adj: 1001 is not between -1000 and 1000",
    (c) => (part(c.linux?.resources).oomScoreAdj = 1001n),
  ],
  [
    'config.linux.resources.unified: "../x" is not the name of a cgroup file',
    (c) => (part(c.linux?.resources).unified = { "../x": "1" }),
  ],
  [
    "config.linux.security_context.run_as_username: set, although run_as_user is",
    (c) => (part(c.linux?.securityContext).runAsUsername = "nobody"),
  ],
  [
    "config.linux.security_context.run_as_group: set, although neither run_as_user nor run_as_username is",
    (c) => (part(c.linux?.securityContext).runAsUser = undefined),
  ],
  [
    "config.linux.security_context.run_as_user: -1 is not between 0 and 4294967294",
    (c) => (part(c.linux?.securityContext).runAsUser = { value: -1n }),
  ],
  [
    "config.linux.security_context.namespace_options.target_id: missing, although pid is TARGET",
    (c) => (part(c.linux?.securityContext?.namespaceOptions).targetId = ""),
  ],
  [
    "config.linux.security_context.seccomp.localhost_ref: missing, although profile_type is Localhost",
    (c) => (part(c.linux?.securityContext?.seccomp).localhostRef = ""),
  ],
  [
    'config.linux.security_context.apparmor_profile: "mine" is no runtime/default, unconfined or localhost/…',
    (c) => (part(c.linux?.securityContext).apparmorProfile = "mine"),
  ],
  ["config.stop_signal: 99 is not a value of this field", (c) => (c.stopSignal = 99 as cri.Signal)],
];

function refuses<T>(cases: Change<T>[], make: () => T, decode: (config: T) => unknown): void {
  for (const [expected, change] of cases) {
    const config = make();
    change(config);
    assert.throws(
      () => decode(config),
      (error) => {
        assert.ok(isFault(error, "invalid"), expected);
        assert.equal(describeFault(error), expected);
        return true;
      },
    );
  }
}

test("what is missing or contradicts itself in a pod sandbox is named", () =>
  refuses(wrongPods, wholePodSandboxConfig, pod));

test("what is missing or contradicts itself in a container is named", () =>
  refuses(wrongContainers, wholeContainerConfig, container));

test("credentials go only to the server that they are for", () => {
  const given = cri.AuthConfig.create({ username: "u", password: "p" });
  const used = { username: "u", password: "p" };
  assert.deepEqual(decodeAuth(given, "r.example:5000/a"), used);
  for (const [server, reference, expected] of [
    ["r.example:5000", "r.example:5000/a", used],
    ["https://index.docker.io/v1/", "busybox", used],
    ["https://other.example", "r.example/a", undefined],
  ] as const) {
    assert.deepEqual(decodeAuth({ ...given, serverAddress: server }, reference), expected);
  }
  assert.equal(decodeAuth(cri.AuthConfig.create({ serverAddress: "r.example" }), "r.example/a"), undefined);
});
