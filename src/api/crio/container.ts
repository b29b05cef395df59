import { dirname } from "node:path";
import type { ContainerRecord } from "../../container/state.ts";
import type { PodSandboxRecord } from "../../pod/state.ts";
import type { PodSandboxMetadata } from "../../spec/cri/pod-sandbox-config.ts";
import type { StorageFacts } from "../parts.ts";

/** The container that CRI-O, and containerd, would have for the pod itself. The kubelet knows it by this name. */
const podContainer = "POD";

/**
 * CRI-O's GET /containers/<id> of a container. `root`: cAdvisor counts what lies in `diff` below it (container/crio/
 * handler.go), with the overlay driver.
 */
export function crioContainer(record: ContainerRecord, pod: PodSandboxRecord, storage: StorageFacts) {
  const { config, state } = record;
  return {
    name: crioName(config.metadata.name, pod.config.metadata, config.metadata.attempt),
    pid: state.kind === "created" || state.kind === "running" ? state.process.init.pid : 0,
    image: config.image.userSpecifiedImage || config.image.image,
    image_ref: record.imageId,
    created_time: Number(record.createdAt),
    labels: config.labels,
    annotations: config.annotations,
    log_path: record.logPath,
    root: dirname(storage.writableLayer(record.id)),
    ...ofPod(pod),
  };
}

/**
 * CRI-O's GET /containers/<id> of a pod. With no process of its own it is given that of a container that runs, for who
 * wants to see the pod's network; with none, 0, and cAdvisor asks again.
 */
export function crioPodSandbox(
  pod: PodSandboxRecord,
  containers: readonly ContainerRecord[],
  storage: StorageFacts,
) {
  const { metadata, labels, annotations } = pod.config;
  const init = pod.state.kind === "ready" ? pod.state.init?.init.pid : undefined;
  const [running] = containers.flatMap(({ state }) =>
    state.kind === "running" ? [state.process.init.pid] : [],
  );
  return {
    name: crioName(podContainer, metadata, metadata.attempt),
    pid: init ?? running ?? 0,
    image: "",
    image_ref: "",
    created_time: Number(pod.createdAt),
    labels: { ...labels, "io.kubernetes.container.name": podContainer },
    annotations,
    log_path: "",
    root: dirname(storage.writableLayer(undefined)),
    ...ofPod(pod),
  };
}

function ofPod({ id, config, state }: PodSandboxRecord) {
  return {
    sandbox: id,
    ip_addresses: state.kind === "ready" ? state.network.addresses : [],
    host_network: config.security.namespaces.network === "node",
  };
}

function crioName(container: string, pod: PodSandboxMetadata, attempt: number): string {
  return ["k8s", container, pod.name, pod.namespace, pod.uid, attempt].join("_");
}
