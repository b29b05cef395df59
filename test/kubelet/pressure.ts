import { totalmem } from "node:os";
import { ApiServer, type KubeObject, podsPath } from "./api-server.ts";
import { type CheckTable, expect } from "./check-table.ts";
import type { KubeletOptions, SeenPod } from "./kubelet.ts";
import type { TestNode } from "./node.ts";
import * as pods from "./pods.ts";

/** On a disk of 512 MB: images and containers may take about 200 MB. Of memory, pods together 250 MB. */
const settings = {
  evictionHard: { "imagefs.available": "250Mi", "memory.available": "100Mi", "nodefs.available": "1%" },
  evictionPressureTransitionPeriod: "5s",
  enforceNodeAllocatable: ["pods"],
  systemReserved: { memory: String(totalmem() - (350 << 20)) },
  // 0 would be the default.
  imageMinimumGCAge: "1ns",
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
  api.create(configMapsPath, of("ConfigMap", "words", { data: { word: "loud" } }));
  api.create(
    secretsPath,
    of("Secret", "whisper", { data: { hush: Buffer.from("quiet").toString("base64") } }),
  );
  await kubelet.start({ ...started, apiServer: api.url, settings: { ...started.settings, ...settings } });

  const run = (pod: pods.Pod) => void api.create(podsPath, pod as unknown as KubeObject);
  const statusOf = (name: string): SeenPod["status"] => {
    const found = api.get(podsPath, name) as unknown as Partial<SeenPod> | undefined;
    if (found?.status === undefined) throw new Error(`the kubelet has told nothing of ${name}`);
    return found.status;
  };
  const running = (name: string) => {
    const { phase, reason, containerStatuses = [] } = statusOf(name);
    const restarts = containerStatuses.map(({ restartCount }) => restartCount);
    return expect(
      phase === "Running" && restarts.join() === "0",
      `${name}: ${phase} ${reason ?? ""}, restarts ${restarts}`,
    );
  };
  const evicted = (name: string, why: RegExp) => {
    const { phase, reason, message = "" } = statusOf(name);
    return expect(
      phase === "Failed" && reason === "Evicted" && why.test(message),
      `${phase} ${reason}: ${message}`,
    );
  };

  run(pods.filesPod());
  run(pods.calmPod());
  await table.eventually(
    "files of config map, secret and pod, one alone by its sub path",
    60_000,
    async () => {
      const paths = [
        "/all/word",
        "/all/hush",
        "/all/labels",
        "/words/word",
        "/whisper/hush",
        "/etc/one-word",
      ];
      const text = await kubelet.run("files", "main", "cat", ...paths);
      return expect(text === 'loudquietapp="files"loudquietloud', text);
    },
  );

  await node.importUnused("test.berth.example/unused:1", 110);
  await node.importUnused("test.berth.example/unused:2", 110);
  await table.eventually("a full disk: images that nobody uses are removed", 60_000, async () => {
    const images = await node.unusedImages();
    return expect(images.length === 0, images.length === 0 ? "both are gone" : images.join(", "));
  });
  await table.eventually(
    "a full disk, without a pod being evicted for it",
    5000,
    () => `${running("calm")}; ${running("files")}`,
  );
  await table.eventually("the node is no longer under pressure of its disk", 90_000, () => nodeIsCalm(api));

  run(pods.fillingPod("limited", 20, { limits: { "ephemeral-storage": "10Mi" } }));
  await table.eventually("a pod above its limit of storage is evicted", 120_000, () =>
    evicted("limited", /ephemeral/),
  );

  run(pods.fillingPod("filling", 220));
  await table.eventually("a full disk: the pod that filled it is evicted", 150_000, () =>
    evicted("filling", /ephemeral-storage/),
  );
  await table.eventually("the node is no longer under pressure", 90_000, () => nodeIsCalm(api));

  run(pods.hungryPod(270));
  await table.eventually("full memory: the pod that took it is evicted", 120_000, () =>
    evicted("hungry", /memory/),
  );
  await table.eventually("the other pods went on", 5000, () => `${running("calm")}; ${running("files")}`);

  for (const name of ["files", "calm", "limited", "filling", "hungry"]) api.end(name);
  await table.eventually("pods that are deleted leave nothing in the runtime", 90_000, async () => {
    const { items } = await node.daemon.pods.listPodSandbox({});
    const names = items.map(({ metadata }) => metadata?.name);
    return expect(items.length === 0, `${names.length} pods ${names.join(", ")}`);
  });
  await kubelet.stop();
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

function of(kind: string, name: string, more: object): KubeObject {
  return { apiVersion: "v1", kind, metadata: { name }, ...more };
}
