import { type ContainerRecord, type ContainerState, exitedState } from "../../container/state.ts";
import type { LinuxResources } from "../../spec/cri/resources.ts";
import * as cri from "../../wire/gen/runtime.v1.ts";
import { encodeMount } from "./mount.ts";
import { encodeResources } from "./resources.ts";
import { encodeSignal } from "./signal.ts";

const stateNumbers: Readonly<Record<ContainerState["kind"], cri.ContainerState>> = {
  making: cri.ContainerState.CONTAINER_CREATED,
  created: cri.ContainerState.CONTAINER_CREATED,
  checkpointed: cri.ContainerState.CONTAINER_CREATED,
  running: cri.ContainerState.CONTAINER_RUNNING,
  exited: cri.ContainerState.CONTAINER_EXITED,
  removing: cri.ContainerState.CONTAINER_EXITED,
  stranded: cri.ContainerState.CONTAINER_EXITED,
};

export function encodeContainerState(record: ContainerRecord): cri.ContainerState {
  return stateNumbers[record.state.kind];
}

/** CRI Container: a line of a list. */
export function encodeContainer(record: ContainerRecord): cri.Container {
  return {
    id: record.id,
    podSandboxId: record.podId,
    metadata: record.config.metadata,
    image: encodeContainerImage(record),
    imageRef: record.imageRef,
    state: encodeContainerState(record),
    createdAt: record.createdAt,
    labels: record.config.labels,
    annotations: record.config.annotations,
    imageId: record.imageId,
  };
}

/** CRI ContainerStatus; `resources` are those in force. */
export function encodeContainerStatus(
  record: ContainerRecord,
  resources: LinuxResources,
): cri.ContainerStatus {
  const { config, state, user } = record;
  const exited = exitedState(state);
  const refs = new Map(record.imageVolumes?.map(({ index, imageRef }) => [index, imageRef]));
  const startedAt = state.kind === "running" ? state.startedAt : exited?.startedAt;
  return {
    id: record.id,
    metadata: config.metadata,
    state: encodeContainerState(record),
    createdAt: record.createdAt,
    startedAt: startedAt ?? 0n,
    finishedAt: exited?.finishedAt ?? 0n,
    exitCode: exited?.exitCode ?? 0,
    image: encodeContainerImage(record),
    imageRef: record.imageRef,
    reason: exited?.reason ?? "",
    message: statusMessage(state),
    labels: config.labels,
    annotations: config.annotations,
    mounts: config.mounts.map((mount, index) => encodeMount(mount, refs.get(index) ?? "")),
    logPath: record.logPath,
    resources: { linux: encodeResources(resources), windows: undefined },
    imageId: record.imageId,
    user: {
      linux: {
        uid: BigInt(user.uid),
        gid: BigInt(user.gid),
        supplementalGroups: user.supplementalGroups.map(BigInt),
      },
    },
    stopSignal: encodeSignal(record.stopSignal),
  };
}

/** What the user wrote is what the kubelet shows; the reference of the config is mostly an id. */
export function encodeContainerImage({ config }: ContainerRecord): cri.ImageSpec {
  const { image } = config;
  return {
    ...image,
    image: image.userSpecifiedImage === "" ? image.image : image.userSpecifiedImage,
    imageRef: "",
  };
}

function statusMessage(state: ContainerState): string {
  const said = exitedState(state)?.message ?? "";
  if (state.kind !== "stranded") return said;
  const why = `its removal ended at step "${state.step}": ${state.reason}`;
  return said === "" ? why : `${said}; ${why}`;
}
