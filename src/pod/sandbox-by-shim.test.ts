import assert from "node:assert/strict";
import { test } from "node:test";
import { describeFault, isFault } from "../base/fault.ts";
import { openPodSandboxes } from "./sandboxes.ts";
import { podConfig, RecordingPodHost } from "./testing/recording-host.ts";

const never = new AbortController().signal;

async function hostWithShim(): Promise<RecordingPodHost> {
  const host = await RecordingPodHost.open();
  return Object.assign(host, { sandboxer: "shim", isOnHost: false } as const);
}

const withNamespaces = (
  config: ReturnType<typeof podConfig>,
  namespaces: { network?: "node"; pid: "pod" | "container" },
) => ({
  ...config,
  security: { ...config.security, namespaces: { ...config.security.namespaces, ...namespaces } },
});

test("a shim that makes the sandbox is told what the CRI said of the pod, without orders to runtimes", async () => {
  await using host = await hostWithShim();
  const annotations = { "example.com/mark": "passed", "io.katacontainers.config.x": "an order" };
  const resources = { memoryLimit: 1 << 20, cpuShares: 512 };
  const config = { ...podConfig("told"), annotations, resources };
  const id = await openPodSandboxes(host.parts).run(config, "", never);
  const own = {
    "io.kubernetes.cri.container-type": "sandbox",
    "io.kubernetes.cri.sandbox-id": id,
    "io.kubernetes.cri.sandbox-name": "told",
    "io.kubernetes.cri.sandbox-namespace": "test",
    "io.kubernetes.cri.sandbox-uid": "uid-told",
    "io.kubernetes.cri.sandbox-cpu-period": "0",
    "io.kubernetes.cri.sandbox-cpu-quota": "0",
    "io.kubernetes.cri.sandbox-cpu-shares": "512",
    "io.kubernetes.cri.sandbox-memory": String(1 << 20),
  };
  const [asked] = host.sandboxes;
  assert.deepEqual(
    [asked?.id, asked?.netns, asked?.annotations],
    [id, `${host.parts.host.paths.pod(id).namespaces}/net`, own],
  );
  const told = JSON.parse(Buffer.from(asked?.config ?? []).toString());
  assert.deepEqual(told, { ...config, annotations: { "example.com/mark": "passed", ...own } });
});

test("a pod in the node's network has no namespace to be told of", async () => {
  await using host = await hostWithShim();
  const config = withNamespaces(podConfig("node"), { network: "node", pid: "container" });
  await openPodSandboxes(host.parts).run(config, "", never);
  assert.equal(host.sandboxes[0]?.netns, "");
});

test("containers of this host do not share the node's processes because the shim named one of them", async () => {
  await using host = await hostWithShim();
  host.isOnHost = true;
  const pods = openPodSandboxes(host.parts);
  await assert.rejects(
    pods.run(podConfig("shared"), "", never),
    (error) => isFault(error, "unimplemented") && /can't share processes/.test(describeFault(error)),
  );
  assert.deepEqual(host.traces(), []);
  await pods.run(withNamespaces(podConfig("own"), { pid: "container" }), "", never);
});
