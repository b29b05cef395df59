import assert from "node:assert/strict";
import { test } from "node:test";
import { ContainerEventResponse, ContainerStatus, PodSandboxStatus } from "../../wire/gen/runtime.v1.ts";
import {
  containerStatusDocument,
  eventDocument,
  exactTime,
  nameOf,
  podSandboxStatusDocument,
} from "./cri-documents.ts";
import { documentOf } from "./print.ts";

const at = 1_795_640_215_464_650_480n;

test("times as crictl has them", () => {
  assert.equal(exactTime(at), "2026-11-25T20:56:55.46465048Z");
  assert.equal(exactTime(1_795_640_215_000_000_000n), "2026-11-25T20:56:55Z");
  assert.equal(exactTime(0n), "0001-01-01T00:00:00Z");
});

test("enumerations go by their names; a value that is newer than this command by its number", () => {
  assert.equal(nameOf({ A: 0, B: 1 }, 1), "B");
  assert.equal(nameOf({ A: 0 }, 7), 7);
  const status = ContainerStatus.create({
    state: 2,
    createdAt: at,
    mounts: [{ hostPath: "/a", propagation: 1 }],
  });
  const container = JSON.parse(documentOf("json", containerStatusDocument(status)));
  assert.equal(container.state, "CONTAINER_EXITED");
  assert.equal(container.mounts[0].propagation, "PROPAGATION_HOST_TO_CONTAINER");
  assert.equal(container.startedAt, "0001-01-01T00:00:00Z");
  const pod = PodSandboxStatus.create({
    state: 1,
    linux: { namespaces: { options: { network: 2, pid: 1, usernsOptions: { mode: 0 } } } },
  });
  const { state, linux } = JSON.parse(documentOf("json", podSandboxStatusDocument(pod)));
  assert.equal(state, "SANDBOX_NOTREADY");
  const { network, pid, ipc, usernsOptions } = linux.namespaces.options;
  assert.deepEqual([network, pid, ipc, usernsOptions.mode], ["NODE", "CONTAINER", "POD", "POD"]);
});

test("an event is one line, with times in nanoseconds", () => {
  const event = ContainerEventResponse.create({
    containerId: "c",
    containerEventType: 2,
    createdAt: at,
    podSandboxStatus: { id: "p", createdAt: at },
    containersStatuses: [{ id: "c", state: 2, createdAt: at }],
  });
  const text = documentOf("json", eventDocument(event), 0);
  assert.equal(text.split("\n").length, 2);
  const { containerEventType, podSandboxStatus, containersStatuses } = JSON.parse(text);
  assert.deepEqual(
    [
      containerEventType,
      podSandboxStatus.state,
      containersStatuses[0].state,
      containersStatuses[0].createdAt,
    ],
    ["CONTAINER_STOPPED_EVENT", "SANDBOX_READY", "CONTAINER_EXITED", String(at)],
  );
});
