import { existsSync, readdirSync, readFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { ContainerState } from "../../src/wire/gen/runtime.v1.ts";
import { type CheckTable, expect } from "./check-table.ts";
import type { Kubelet, SeenContainer } from "./kubelet.ts";
import type { TestNode } from "./node.ts";
import * as pods from "./pods.ts";

const hostPort = 20_000 + Math.floor(Math.random() * 10_000);

/** Pods that use what a kubelet can do with a runtime, and what becomes of each. */
export async function checkLives(node: TestNode, table: CheckTable): Promise<void> {
  const { kubelet, shared } = node;
  const all = [
    pods.wholePod(shared, hostPort),
    pods.crashingPod(),
    pods.hostNetworkPod(),
    pods.sharedProcessesPod(),
    pods.talkingPod(),
    pods.sickPod(shared),
  ];
  for (const pod of all) kubelet.put(pod);
  await checkWhole(node, table);
  await checkRestarts(node, table);
  await checkNamespaces(node, table);
  await checkLogs(node, table);
}

/** The pod with everything in it. */
async function checkWhole({ kubelet }: TestNode, table: CheckTable): Promise<void> {
  await table.eventually(
    "a pod with init container, sidecar, probes and volumes is ready",
    60_000,
    async () => {
      const { status } = await kubelet.pod("whole");
      const ready = status.conditions?.find(({ type }) => type === "Ready")?.status;
      return expect(ready === "True", `${status.phase}, Ready ${ready}: ${told(status.containerStatuses)}`);
    },
  );
  await table.eventually("its init container ended with 0, its sidecar runs", 5000, async () => {
    const [first, sidecar] = [
      await statusOf(kubelet, "whole", "first"),
      await statusOf(kubelet, "whole", "sidecar"),
    ];
    const seen = told([first, sidecar]);
    return expect(first.state.terminated?.exitCode === 0 && sidecar.state.running !== undefined, seen);
  });
  await table.eventually("emptyDir, memory, hostPath, a sub path, postStart", 10_000, async () => {
    const cat = (...paths: string[]) => kubelet.run("whole", "web", "cat", ...paths);
    const text = await cat("/work/first", "/work/post-start", "/part/file");
    const mounts = await cat("/proc/mounts");
    const ram = /^tmpfs \/ram tmpfs/m.test(mounts);
    const whole = text === "first\nstarted\nsub\n";
    return expect(whole && ram, text);
  });
  await table.eventually("a port of the node leads into the pod", 10_000, async () => {
    const text = await fetchText(`http://127.0.0.1:${hostPort}/index.html`);
    return expect(text === "hello from berth\n", text.trim());
  });
  await table.eventually("limits are those of the cgroup", 10_000, async () => {
    const [memory, quota] = await Promise.all(
      ["memory/memory.limit_in_bytes", "cpu/cpu.cfs_quota_us"].map((name) =>
        kubelet.run("whole", "web", "cat", `/sys/fs/cgroup/${name}`),
      ),
    );
    return expect(
      memory?.trim() === "67108864" && quota?.trim() === "20000",
      `${memory?.trim()} bytes, ${quota?.trim()} us`,
    );
  });
}

/** Containers that end, and are not to be left so. */
async function checkRestarts({ kubelet, daemon }: TestNode, table: CheckTable): Promise<void> {
  await table.eventually(
    "a container that crashes is started again, later each time, with its message",
    60_000,
    async () => {
      const { restartCount, state, lastState } = await statusOf(kubelet, "crashing", "main");
      const { exitCode, message } = lastState.terminated ?? {};
      const seen = `restarted ${restartCount} times, ${state.waiting?.reason}; last: ${exitCode} ${message?.trim()}`;
      const isSo = restartCount >= 2 && state.waiting?.reason === "CrashLoopBackOff" && exitCode === 3;
      return expect(isSo && message === "because\n", seen);
    },
  );
  await table.eventually("of a container that crashes, one dead one is kept", 90_000, async () => {
    const { metadata } = await kubelet.pod("crashing");
    const { containers: all } = await daemon.pods.listContainers({});
    const containers = all.filter(({ labels }) => labels["io.kubernetes.pod.uid"] === metadata.uid);
    const dead = containers.filter(({ state }) => state === ContainerState.CONTAINER_EXITED);
    return expect(
      dead.length <= 2 && containers.length > 0,
      `${dead.length} of ${containers.length} are dead`,
    );
  });
  await table.eventually(
    "a container that fails its liveness probe is stopped and started again",
    60_000,
    async () => {
      const { restartCount, state, lastState } = await statusOf(kubelet, "sick", "main");
      const seen = `restarted ${restartCount} times; last: exit code ${lastState.terminated?.exitCode}`;
      return expect(
        restartCount === 1 && state.running !== undefined && lastState.terminated?.exitCode === 0,
        seen,
      );
    },
  );
}

async function checkNamespaces({ kubelet, daemon }: TestNode, table: CheckTable): Promise<void> {
  await table.eventually("a pod in the node's network has its name and address", 20_000, async () => {
    const netns = await kubelet.run("host-network", "main", "readlink", "/proc/self/ns/net");
    return expect(
      netns.trim() === (await daemon.inside("readlink", "/proc/self/ns/net")).stdout.trim(),
      netns.trim(),
    );
  });
  await table.eventually("containers of a pod see each other's processes", 20_000, async () => {
    const list = await kubelet.run("shared-processes", "main", "ps");
    return expect(/sleep 12345/.test(list), list.split("\n").slice(1, 4).join("; "));
  });
}

async function checkLogs(node: TestNode, table: CheckTable): Promise<void> {
  const { kubelet } = node;
  await table.eventually("logs are rotated, without a line lost", 60_000, async () => checkRotation(node));
  await table.eventually("the kubelet shows a container's log", 5000, async () => {
    const { metadata } = await kubelet.pod("talking");
    const text = await kubelet.get(`/containerLogs/default/${metadata.name}/main?tailLines=2`);
    return expect(/^line \d+\nline \d+\n$/.test(text), text.trim().replace("\n", ", "));
  });
}

/** @throws {Error} while the kubelet has no such container */
async function statusOf(kubelet: Kubelet, pod: string, container: string): Promise<SeenContainer> {
  const { status } = await kubelet.pod(pod);
  const found = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const one = found.find(({ name }) => name === container);
  if (one === undefined) throw new Error(`${pod} is ${status.phase}, without a container ${container}`);
  return one;
}

/** The files of the log, the current one last, hold numbers without a gap. */
function checkRotation({ daemon }: TestNode): string {
  const { logs } = daemon.workspace;
  const pod = readdirSync(logs).find((name) => name.includes("talking")) ?? "";
  const directory = join(logs, pod, "main");
  const [current = "", ...rotated] = readdirSync(directory)
    .filter((name) => !name.endsWith(".tmp"))
    .sort();
  const numbers = [...rotated, current].flatMap((name) =>
    readLog(join(directory, name)).map((line) => Number(/line (\d+)$/.exec(line)?.[1])),
  );
  const gaps = numbers.filter((number, index) => index > 0 && number !== (numbers[index - 1] ?? 0) + 1);
  const seen = `${rotated.join(", ")}, ${current}: ${numbers.length} lines, ${gaps.length} gaps`;
  return expect(rotated.length >= 2 && gaps.length === 0, seen);
}

/** The whole lines of a file of a log, which may be compressed. */
function readLog(path: string): string[] {
  const bytes = readFileSync(path);
  const text = path.endsWith(".gz") ? gunzipSync(bytes) : bytes;
  return text.toString().split("\n").slice(0, -1);
}

/** Takes the pods away again: hooks and signals come first, and nothing stays. */
export async function checkEnds(node: TestNode, table: CheckTable): Promise<void> {
  const { kubelet, shared } = node;
  for (const name of ["whole", "crashing", "host-network", "shared-processes", "talking", "sick"])
    kubelet.drop(name);
  await table.eventually("preStop is run before a container ends", 30_000, () =>
    expect(existsSync(join(shared, "pre-stop")), readdirSync(shared).join(", ")),
  );
  await table.eventually("pods that are taken away leave nothing in the runtime", 90_000, async () => {
    const { items } = await node.daemon.pods.listPodSandbox({});
    const { containers } = await node.daemon.pods.listContainers({});
    const seen = `${items.length} pods (${items.map(({ metadata }) => metadata?.name).join(", ")}), ${containers.length} containers`;
    return expect(items.length === 0 && containers.length === 0, seen);
  });
}

function told(containers: readonly SeenContainer[] = []): string {
  return containers
    .map(({ name, state, ready }) => `${name} ${Object.keys(state)[0]}${ready ? ", ready" : ""}`)
    .join("; ");
}

function fetchText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, async (response) => resolve(Buffer.concat(await response.toArray()).toString())).on(
      "error",
      reject,
    );
  });
}
