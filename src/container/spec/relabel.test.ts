import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerConfig } from "../../spec/cri/container-config.ts";
import type { SELinuxOptions } from "../../spec/cri/security.ts";
import { relabelVolumes } from "./relabel.ts";
import { exampleConfig, exampleMount, examplePod, withSecurity } from "./testing/example.ts";

const options = { user: "", role: "", type: "", level: "s0:c1,c2" };
const { hostname, hosts, resolvConf, shm } = examplePod.files;

/** What is given a label. */
async function relabeled(config: ContainerConfig, selinux = true): Promise<string[]> {
  const calls: string[] = [];
  const mounts = config.mounts.map(({ hostPath }) => ({
    source: hostPath,
    propagation: "private" as const,
    mountPoint: "/",
  }));
  await relabelVolumes(
    { config, pod: examplePod, host: { selinux }, found: { mounts } },
    { relabel: async (path, label) => void calls.push(`${path} ${label}`) },
  );
  return calls;
}

const having = (selinux: SELinuxOptions, ipc: "pod" | "container" | "node" = "pod"): ContainerConfig => {
  const { security } = withSecurity({ selinux, namespaces: { network: "pod", pid: "container", ipc } });
  const mounts = [
    { ...exampleMount, hostPath: "/srv/a", selinuxRelabel: true },
    { ...exampleMount, hostPath: "/srv/b" },
    { ...exampleMount, hostPath: "/run/image", selinuxRelabel: true, image: exampleConfig.image },
  ];
  return { ...exampleConfig, security, mounts };
};

test("the volumes that are asked for and the pod's files get the container's own label", async () => {
  const label = "system_u:object_r:container_file_t:s0:c1,c2";
  const files = [hostname, hosts, resolvConf];
  const expected = (paths: string[]) => paths.map((path) => `${path} ${label}`);
  assert.deepEqual(await relabeled(having(options)), expected([...files, shm, "/srv/a"]));
  for (const ipc of ["container", "node"] as const)
    assert.deepEqual(await relabeled(having(options, ipc)), expected([...files, "/srv/a"]));
});

test("nothing is labeled without SELinux, nor for what it doesn't confine", async () => {
  assert.deepEqual(await relabeled(having(options), false), []);
  assert.deepEqual(await relabeled(having({ ...options, type: "spc_t" })), []);
});

test("a label's parts can't become mount options", async () => {
  for (const part of ["user", "role", "type", "level"] as const) {
    const bad = { ...options, [part]: 's0:c1",lowerdir=/' };
    await assert.rejects(relabeled(having(bad)), { kind: "invalid", message: new RegExp(`${part} "s0`) });
  }
});
