import { totalmem } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { importBusybox } from "../harness/images.ts";
import { ApiServer, type KubeObject, podsPath } from "./api-server.ts";
import { type CheckTable, expect } from "./check-table.ts";
import type { Kubelet, KubeletOptions, SeenPod } from "./kubelet.ts";
import type { TestNode } from "./node.ts";
import type { Summary } from "./pages.ts";
import * as pods from "./pods.ts";

/** On a disk of 512 MB: images and containers may take about 200 MB. Of memory, pods together 250 MB. */
const settings = {
  evictionHard: { "imagefs.available": "250Mi", "memory.available": "100Mi", "nodefs.available": "1%" },
  evictionPressureTransitionPeriod: "5s",
  enforceNodeAllocatable: ["pods"],
  // 0 would be the default.
  imageMinimumGCAge: "1ns",
  systemReserved: { memory: String(totalmem() - (350 << 20)) },
};

const configMapsPath = "/api/v1/namespaces/default/configmaps";
const secretsPath = "/api/v1/namespaces/default/secrets";

/**
 * A kubelet with an API server, as only pods of one are evicted and have config maps: their files, and what it does once
 * disk or memory, as berth tells of them, get scarce.
 */
export async function checkPressure(
  node: TestNode,
  table: CheckTable,
  started: KubeletOptions,
): Promise<void> {
  await using api = await ApiServer.start();
  const { kubelet } = node;
  await kubelet.stop();
  const hush = Buffer.from("quiet").toString("base64");
  api.create(configMapsPath, objectOf("ConfigMap", "words", { data: { word: "loud" } }));
  api.create(secretsPath, objectOf("Secret", "whisper", { data: { hush } }));
  // Before it starts: of images that come later it waits to see whether a pod follows, and evicts one meanwhile.
  for (const name of ["unused:1", "unused:2"]) await node.importUnused(`test.berth.example/${name}`, 110);
  await kubelet.start({ ...started, apiServer: api.url, settings: { ...started.settings, ...settings } });
  await table.eventually("a full disk: images that nobody uses are removed", 60_000, async () => {
    const images = await node.unusedImages();
    return expect(images.length === 0, images.length === 0 ? "both are gone" : images.join(", "));
  });
  await importBusybox(node.daemon); // no pod used it, either

  await admit(pods.filesPod(), api);
  await admit(pods.calmPod(), api);
  await table.eventually("files of config map, secret and pod, and one by its sub path", 60_000, async () => {
    const paths = ["/all/word", "/all/hush", "/all/labels", "/words/word", "/whisper/hush", "/etc/one-word"];
    const text = await kubelet.run("files", "main", "cat", ...paths);
    return expect(text === 'loudquietapp="files"loudquietloud', text);
  });
  // One that it has no figures of yet is evicted before all others.
  await table.eventually("the kubelet has figures of the pods", 60_000, () =>
    haveFigures(kubelet, "files", "calm"),
  );
  await checkEvictions(api, table);

  for (const name of ["files", "calm", "limited", "filling", "hungry"]) api.end(name);
  await table.eventually("pods that are deleted leave nothing in the runtime", 90_000, async () => {
    const { items } = await node.daemon.pods.listPodSandbox({});
    const names = items.map(({ metadata }) => metadata?.name);
    return expect(items.length === 0, `${names.length} pods ${names.join(", ")}`);
  });
  await kubelet.stop();
}

/** Pods that take too much are evicted, by the figures that the kubelet has of them, and no other. */
async function checkEvictions(api: ApiServer, table: CheckTable): Promise<void> {
  await admit(pods.hungryPod(270), api);
  await table.eventually("full memory: the pod that took it is evicted", 120_000, () =>
    evicted(api, "hungry", /low on resource: memory/),
  );
  await admit(pods.fillingPod("limited", 20, { "ephemeral-storage": "10Mi" }), api);
  await table.eventually("a pod above its limit of storage is evicted", 120_000, () =>
    evicted(api, "limited", /exceeds the total limit/),
  );
  await admit(pods.fillingPod("filling", 220), api);
  await table.eventually("a full disk: the pod that filled it is evicted", 150_000, () =>
    evicted(api, "filling", /low on resource: ephemeral-storage/),
  );
  await table.eventually(
    "the other pods went on",
    5000,
    () => `${running(api, "calm")}; ${running(api, "files")}`,
  );
  await table.eventually("the node is no longer under pressure", 90_000, () => nodeIsCalm(api));
}

async function haveFigures(kubelet: Kubelet, ...names: readonly string[]): Promise<string> {
  const summary = JSON.parse(await kubelet.get("/stats/summary")) as Summary;
  const figures = names.map((name) => {
    const pod = summary.pods.find(({ podRef }) => podRef.name === name);
    return pod?.memory?.workingSetBytes;
  });
  return expect(
    figures.every((bytes) => (bytes ?? 0) > 0),
    `${figures.join(", ")} bytes of memory`,
  );
}

function statusOf(api: ApiServer, name: string): SeenPod["status"] {
  const { status } = (api.get(podsPath, name) ?? {}) as Partial<SeenPod>;
  if (status === undefined) throw new Error(`the kubelet has told nothing of ${name}`);
  return status;
}

function running(api: ApiServer, name: string): string {
  const { phase, reason = "", containerStatuses = [] } = statusOf(api, name);
  const restarts = containerStatuses.map(({ restartCount }) => restartCount).join();
  return expect(phase === "Running" && restarts === "0", `${name}: ${phase} ${reason}, restarts ${restarts}`);
}

function evicted(api: ApiServer, name: string, why: RegExp): string {
  const { phase, reason, message = "" } = statusOf(api, name);
  const seen = `${phase} ${reason}: ${message}`;
  return expect(phase === "Failed" && reason === "Evicted" && why.test(message), seen);
}

/** Runs a pod, again while the kubelet refuses it for a pressure that is about to end. */
async function admit(pod: pods.Pod, api: ApiServer): Promise<void> {
  const { name } = pod.metadata;
  for (const until = Date.now() + 120_000; Date.now() < until; ) {
    api.create(podsPath, pod as unknown as KubeObject);
    for (let tries = 0; tries < 20; tries++) {
      await sleep(500);
      const { status } = (api.get(podsPath, name) ?? {}) as Partial<SeenPod>;
      if (status?.phase === "Failed" && /was rejected/.test(status.message ?? "")) break;
      if (status?.phase === "Running" || status?.phase === "Failed") return;
    }
    api.drop(podsPath, name);
  }
}

function nodeIsCalm(api: ApiServer): string {
  const { status } = (api.get("/api/v1/nodes", pods.nodeName) ?? {}) as { status?: SeenPod["status"] };
  const wrong = (status?.conditions ?? []).filter(
    ({ type, status }) => status !== (type === "Ready" ? "True" : "False"),
  );
  return expect(
    status !== undefined && wrong.length === 0,
    wrong.map(({ type }) => type).join(", ") || "Ready, no pressure",
  );
}

function objectOf(kind: string, name: string, more: object): KubeObject {
  return { apiVersion: "v1", kind, metadata: { name }, ...more };
}
