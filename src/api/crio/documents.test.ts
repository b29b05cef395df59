import assert from "node:assert/strict";
import { test } from "node:test";
import pino from "pino";
import { decodeContainerConfig } from "../convert/decode-container-config.ts";
import { decodePodSandboxConfig } from "../convert/decode-pod-sandbox-config.ts";
import { NodeInMemory } from "../testing/node-in-memory.ts";
import { wholeContainerConfig, wholePodSandboxConfig } from "../testing/requests.ts";
import { crioDocument } from "./documents.ts";

const waiting = new AbortController().signal;

/** A pod with a container that is created. */
async function node() {
  const parts = new NodeInMemory("/nowhere").parts(pino({ level: "silent" }));
  const pod = await parts.podSandboxes.run(
    decodePodSandboxConfig(wholePodSandboxConfig(), "config"),
    "",
    waiting,
  );
  const config = decodeContainerConfig(wholeContainerConfig(), "config");
  const container = await parts.containers.create(pod, config, waiting);
  return { pod, container, parts, ask: (path: string) => crioDocument(path, parts) as object | undefined };
}

test("/info says where images and containers are", async () => {
  const { ask } = await node();
  assert.deepEqual(ask("/info"), {
    storage_driver: "overlay",
    storage_image: "/root/snapshots",
    storage_root: "/root/snapshots",
    cgroup_driver: "cgroupfs",
  });
});

test("a container as CRI-O would describe it", async () => {
  const { pod, container, parts, ask } = await node();
  const { createdAt } = parts.containers.get(container);
  const { labels, annotations } = wholeContainerConfig();
  assert.deepEqual(ask(`/containers/${container}`), {
    name: "k8s_main_web_default_uid-1_1",
    pid: 11,
    image: "busybox:1.36",
    image_ref: `sha256:${"a".repeat(64)}`,
    created_time: Number(createdAt),
    labels,
    annotations,
    log_path: "/nowhere/main.log",
    root: `/root/snapshots/overlay/${container}`,
    sandbox: pod,
    ip_addresses: ["10.1.0.2", "fd00::2"],
    host_network: false,
  });
});

test("a pod has the process of a container that runs, or none", async () => {
  const { pod, container, parts, ask } = await node();
  const asked = () => ask(`/containers/${pod}`) as { pid: number; labels: object; root: string };
  assert.equal(asked().pid, 0);
  await parts.containers.start(container, waiting);
  assert.equal(asked().pid, 11);
  assert.deepEqual(asked().labels, { app: "web", "io.kubernetes.container.name": "POD" });
  assert.equal(asked().root, "/root/snapshots/overlay/empty");
  await parts.containers.stop(container, 0, waiting);
  assert.equal(asked().pid, 0);
});

test("nothing is told of ids that nobody has, of parts of ids, or of other paths", async () => {
  const { pod, ask } = await node();
  const ids = ["f".repeat(64), pod.slice(0, 12), "", `${pod}/`, `../${pod}`];
  for (const path of ["/", "/config", "/pause/x", ...ids.map((id) => `/containers/${id}`)])
    assert.equal(ask(path), undefined, path);
});
