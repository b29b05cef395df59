import assert from "node:assert/strict";
import { test } from "node:test";
import type { NamespaceMode } from "../spec/cri/security.ts";
import { describePod } from "./nri.ts";
import { openPodSandboxes } from "./sandboxes.ts";
import { podConfig, RecordingPodHost } from "./testing/recording-host.ts";

/** The namespaces that plugins are told of. */
async function namespacesTold(host: RecordingPodHost, pid: NamespaceMode) {
  const { security, ...config } = podConfig(`${host.sandboxer}-${pid}`);
  const namespaces = { ...security.namespaces, pid };
  const pods = openPodSandboxes(host.parts);
  const id = await pods.run(
    { ...config, security: { ...security, namespaces } },
    "",
    AbortSignal.timeout(10_000),
  );
  const { paths } = host.parts.host;
  const told = describePod(pods.get(id), paths).linux?.namespaces ?? [];
  const pins = `${paths.pod(id).namespaces}/`;
  return told.map(({ type, path }) => `${type}=${path.replace(pins, "")}`);
}

test("plugins are told where a pod's namespaces are: of its processes, those in its sandbox, where it has one", async () => {
  await using host = await RecordingPodHost.open();
  const own = ["network=net", "uts=uts", "ipc=ipc"];
  assert.deepEqual(await namespacesTold(host, "container"), own);
  assert.deepEqual(await namespacesTold(host, "node"), own);
  assert.deepEqual(await namespacesTold(host, "pod"), [...own, "pid=pid"]);
  Object.assign(host, { sandboxer: "shim", isOnHost: false });
  const sandbox = `pid=/proc/${process.pid}/ns/pid`; // the recording runtime's is this process
  assert.deepEqual(await namespacesTold(host, "container"), own);
  assert.deepEqual(await namespacesTold(host, "node"), [...own, sandbox]);
  assert.deepEqual(await namespacesTold(host, "pod"), [...own, sandbox]);
});
