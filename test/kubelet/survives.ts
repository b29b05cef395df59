import { setTimeout as sleep } from "node:timers/promises";
import { type CheckTable, expect } from "./check-table.ts";
import type { Kubelet } from "./kubelet.ts";
import type { TestNode } from "./node.ts";

/** Pods whose containers have no reason of their own to end. */
const steady = ["whole", "host-network", "shared-processes", "talking", "sick"];
/** How long the kubelet gets to do something wrong, with a relist each second and a probe each two. */
const watchMs = 15_000;

/** The daemon is killed, replaced by another build and missed for a while; the kubelet is restarted. */
export async function checkSurvival(
  node: TestNode,
  table: CheckTable,
  restartKubelet: () => Promise<void>,
): Promise<void> {
  const { daemon, kubelet } = node;
  const before = await livesOf(kubelet);
  const unchanged = (what: string) =>
    table.eventually(`${what}: no container is restarted, all are ready again`, 30_000, async () => {
      const now = await livesOf(kubelet);
      return expect(now === before, now === before ? `${now.split("\n").length} containers as before` : now);
    });

  await daemon.kill();
  await daemon.launch();
  await sleep(watchMs);
  await unchanged("kill -9 of the daemon");

  await daemon.kill();
  await sleep(watchMs);
  await daemon.launch();
  await sleep(watchMs);
  await unchanged("the daemon is away for a while");

  const installed = node.installed();
  await daemon.stop();
  await daemon.launch(installed);
  await sleep(watchMs);
  await unchanged("another build of the daemon");

  await restartKubelet();
  await sleep(watchMs);
  await unchanged("a restart of the kubelet");
}

/** A line a container: its id, how often it was restarted, since when it runs, whether it is ready. */
async function livesOf(kubelet: Kubelet): Promise<string> {
  const pods = await Promise.all(steady.map((name) => kubelet.pod(name)));
  const lines = pods.flatMap(({ metadata, status }) =>
    [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].map(
      ({ name, containerID, restartCount, state, ready }) =>
        `${metadata.name} ${name} ${containerID} ${restartCount} ${state.running?.startedAt ?? "ended"} ${ready}`,
    ),
  );
  return lines.sort().join("\n");
}
