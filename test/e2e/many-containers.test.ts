import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ContainerState, ListContainersResponse } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { importBusybox } from "../harness/images.ts";
import { fillWithRecords, tiersCount } from "../harness/many-records.ts";
import { privileged } from "../harness/privileged.ts";

const pods = 500;
const each = 10;
const count = pods * each;
/** What a kubelet takes. */
const mostInMessage = 16 << 20;
/** The same, less what one container may add: a page is closed before it grows over a megabyte. */
const fullPage = 1 << 20;

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  return Array.fromAsync(stream);
}

const none = { id: "", podSandboxId: "", state: undefined, labelSelector: {} };

describe(`${count} containers`, privileged, () => {
  let daemon: TestDaemon;
  let listed: readonly string[];

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "crun" });
    await importBusybox(daemon);
    await fillWithRecords(daemon, { pods, each });
  });
  after(() => daemon.close());

  test("are all listed in one message that a kubelet takes, each once", async () => {
    const answer = await daemon.pods.listContainers({});
    listed = answer.containers.map(({ id }) => id).toSorted();
    assert.equal(new Set(listed).size, count);
    assert.ok(ListContainersResponse.encode(answer).finish().length < mostInMessage);
    assert.equal(answer.containers[0]?.state, ContainerState.CONTAINER_EXITED);
    assert.equal((await daemon.pods.listPodSandbox({})).items.length, pods);
  });

  test("are streamed in pages of less than a megabyte, none of them empty, each once", async () => {
    const pages = await collect(daemon.pods.streamContainers({}));
    assert.ok(pages.length > 1 && pages.every(({ containers }) => containers.length > 0));
    const sizes = pages.map(
      ({ containers }) => ListContainersResponse.encode({ containers }).finish().length,
    );
    assert.ok(Math.max(...sizes) <= fullPage, `pages of ${sizes}`);
    assert.deepEqual(pages.flatMap(({ containers }) => containers.map(({ id }) => id)).toSorted(), listed);
    const streamed = await collect(daemon.pods.streamPodSandboxes({}));
    assert.equal(
      new Set(streamed.flatMap(({ podSandboxes }) => podSandboxes.map(({ id }) => id))).size,
      pods,
    );
    const images = await collect(daemon.images.streamImages({}));
    assert.deepEqual(
      images.map((page) => page.images.length),
      [1],
    );
  });

  test("filters find by label, id, pod and state, listed and streamed", async () => {
    const both = async (filter: typeof none | (Omit<typeof none, "state"> & { state: object })) => {
      const { containers } = await daemon.pods.listContainers({ filter: filter as never });
      const streamed = await collect(daemon.pods.streamContainers({ filter: filter as never }));
      assert.deepEqual(
        streamed.flatMap((page) => page.containers.map(({ id }) => id)),
        containers.map(({ id }) => id),
      );
      return containers;
    };
    const tier = await both({ ...none, labelSelector: { tier: "tier-7", app: "job" } });
    assert.equal(tier.length, count / tiersCount);
    assert.ok(tier.every(({ labels }) => labels.tier === "tier-7"));
    const [first] = tier;
    assert.deepEqual(
      (await both({ ...none, id: first?.id ?? "" })).map(({ id }) => id),
      [first?.id],
    );
    assert.equal((await both({ ...none, podSandboxId: first?.podSandboxId ?? "" })).length, each);
    assert.deepEqual(await both({ ...none, state: { state: ContainerState.CONTAINER_RUNNING } }), []);
    assert.equal((await both({ ...none, labelSelector: { tier: "none" } })).length, 0);
  });

  test("nothing that runs: statistics and metrics of none, streams that end without a message", async () => {
    assert.deepEqual(await collect(daemon.pods.streamContainerStats({})), []);
    assert.deepEqual(await collect(daemon.pods.streamPodSandboxStats({})), []);
    assert.deepEqual(await collect(daemon.pods.streamPodSandboxMetrics({})), []);
  });

  test("a stream shows the list of its start, each once, while containers go", async () => {
    const going = listed.slice(0, 100);
    const seen: string[] = [];
    let removed: Promise<unknown> | undefined;
    for await (const { containers } of daemon.pods.streamContainers({})) {
      seen.push(...containers.map(({ id }) => id));
      removed ??= Promise.all(going.map((containerId) => daemon.pods.removeContainer({ containerId })));
    }
    assert.deepEqual(seen.toSorted(), listed);
    await removed;
    const { containers } = await daemon.pods.listContainers({});
    assert.deepEqual(containers.map(({ id }) => id).toSorted(), listed.slice(100));
  });

  test("the daemon starts again with all of them", async () => {
    await daemon.kill();
    await daemon.launch();
    assert.equal((await daemon.pods.listContainers({})).containers.length, count - 100);
  });
});
