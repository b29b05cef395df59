import assert from "node:assert/strict";
import { it } from "node:test";
import { Container, Hooks, LinuxContainer, PodSandbox } from "../wire/gen/nri.v1alpha1.ts";
import type { NriContainer } from "./contract.ts";
import { KnownContainers } from "./known-containers.ts";
import { standingState } from "./standing-state.ts";

const pod = PodSandbox.create({ id: "p1" });
const container = (id: string, pid = 0): NriContainer => ({
  ...Container.create({ id, pid, podSandboxId: "p1" }),
  linux: LinuxContainer.create({}),
  hooks: Hooks.create({}),
});

it("shows what there is, and what others were told of and is not there yet; not what has ended meanwhile", () => {
  const known = new KnownContainers();
  for (const id of ["making", "ended", "runs"]) known.know({ pod, container: container(id) });
  known.stop("ended");
  const node = { pods: () => [pod], containers: () => [container("runs", 7), container("new", 8)] };
  const pods = new Map([["making", PodSandbox.create({ id: "making" })]]);
  const state = standingState(node, pods, known);
  assert.deepEqual(
    state.pods.map(({ id }) => id),
    ["making", "p1"],
  );
  assert.deepEqual(
    state.containers.map(({ id, pid }) => [id, pid]),
    [
      ["making", 0],
      ["runs", 7],
      ["new", 8],
    ],
  );
  assert.equal(known.get("new")?.pod.id, "p1", "its end is told to whoever is there then");
});
