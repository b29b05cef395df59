import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import type { NamespaceOptions } from "../../spec/cri/security.ts";
import type { PodNamespacePaths } from "./input.ts";
import { ociNamespaces } from "./namespaces.ts";
import { containerSysctls } from "./sysctls.ts";
import { examplePod } from "./testing/example.ts";

const shared: NamespaceOptions = { network: "pod", pid: "pod", ipc: "pod" };
const paths = { network: "/n", ipc: "/i", uts: "/u", pid: "/p" };

interface Case {
  wanted?: Partial<NamespaceOptions>;
  podModes?: Partial<NamespaceOptions>;
  podPaths?: PodNamespacePaths;
  privileged?: boolean;
  cgroupVersion?: 1 | 2;
  target?: string;
}

function build({ wanted, podModes, podPaths, privileged, cgroupVersion, target }: Case): string[] {
  const security = { ...examplePod.config.security, namespaces: { ...shared, ...podModes } };
  return ociNamespaces({
    wanted: { ...shared, ...wanted },
    privileged: privileged ?? false,
    pod: { config: { ...examplePod.config, security }, namespaces: podPaths ?? paths },
    host: { cgroupVersion: cgroupVersion ?? 2 },
    found: target === undefined ? {} : { targetPidNamespace: target },
  }).map(({ type, path }) => (path === undefined ? type : `${type}=${path}`));
}

test("namespaces by mode", () => {
  const { pid: _, ...noPid } = paths;
  const pod = ["mount", "network=/n", "uts=/u", "ipc=/i"];
  const cases: [Case, string[]][] = [
    [{}, [...pod, "pid=/p", "cgroup"]],
    [{ cgroupVersion: 1 }, [...pod, "pid=/p"]],
    [{ privileged: true }, [...pod, "pid=/p"]],
    [{ wanted: { pid: "container" } }, [...pod, "pid", "cgroup"]],
    [{ wanted: { pid: "target" }, target: "/proc/7/ns/pid" }, [...pod, "pid=/proc/7/ns/pid", "cgroup"]],
    [{ podPaths: noPid, podModes: { pid: "container" } }, [...pod, "pid", "cgroup"]],
    [{ podPaths: noPid, podModes: { pid: "node" } }, [...pod, "cgroup"]],
    [{ wanted: { pid: "node" }, podModes: { pid: "node" } }, [...pod, "pid=/p", "cgroup"]],
    [{ podPaths: noPid, podModes: { pid: "node" }, wanted: { pid: "node" } }, [...pod, "cgroup"]],
    [
      {
        podPaths: {},
        podModes: { network: "node", ipc: "node", pid: "node" },
        wanted: { network: "node", ipc: "node" },
      },
      ["mount", "cgroup"],
    ],
    [{ wanted: { ipc: "container" } }, ["mount", "network=/n", "uts=/u", "ipc", "pid=/p", "cgroup"]],
    [{ podPaths: { ...paths, user: "/us" } }, [...pod, "pid=/p", "user=/us", "cgroup"]],
  ];
  for (const [input, expected] of cases) assert.deepEqual(build(input), expected, JSON.stringify(input));
});

test("modes that contradict the pod or that don't exist are refused by field", () => {
  const ids = { hostId: 1000, containerId: 0, length: 10 };
  const user = { uids: ids, gids: ids };
  const cases: [Case, RegExp][] = [
    [{ wanted: { network: "node" } }, /network is NODE/],
    [{ wanted: { ipc: "node" } }, /ipc is NODE/],
    [{ wanted: { pid: "node" } }, /pid is NODE/],
    [{ wanted: { network: "container" } }, /network: there is no CONTAINER/],
    [{ wanted: { ipc: "target" } }, /ipc: there is no TARGET/],
    [{ wanted: { user } }, /usernsOptions/],
  ];
  for (const [input, message] of cases) {
    assert.throws(
      () => build(input),
      (error) => isFault(error, "invalid") && message.test(error.message),
    );
  }
  assert.doesNotThrow(() => build({ wanted: { user }, podModes: { user } }));
});

test("a container with its own IPC namespace gets the pod's sysctls of that kind", () => {
  const sysctls = {
    "kernel.shm_rmid_forced": "1",
    "fs/mqueue/msg_max": "9",
    "net.core.somaxconn": "1",
    "kernel.msgmax": "5",
  };
  assert.deepEqual(containerSysctls(sysctls, { ipc: "pod" }), {});
  assert.deepEqual(containerSysctls(sysctls, { ipc: "container" }), {
    "kernel.shm_rmid_forced": "1",
    "fs.mqueue.msg_max": "9",
    "kernel.msgmax": "5",
  });
});
