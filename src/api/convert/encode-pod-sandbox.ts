import type { PodSandboxRecord } from "../../pod/state.ts";
import * as cri from "../../wire/gen/runtime.v1.ts";
import { encodeNamespaceOptions } from "./namespaces.ts";

export function encodePodSandboxState({ state }: PodSandboxRecord): cri.PodSandboxState {
  return state.kind === "ready" ? cri.PodSandboxState.SANDBOX_READY : cri.PodSandboxState.SANDBOX_NOTREADY;
}

/** CRI PodSandbox: a line of a list. */
export function encodePodSandbox(record: PodSandboxRecord): cri.PodSandbox {
  return {
    id: record.id,
    metadata: record.config.metadata,
    state: encodePodSandboxState(record),
    createdAt: record.createdAt,
    labels: record.config.labels,
    annotations: record.config.annotations,
    runtimeHandler: record.runtimeHandler,
  };
}

/** CRI PodSandboxStatus. A pod in the node's network has no addresses of its own here: the kubelet knows the node's. */
export function encodePodSandboxStatus(record: PodSandboxRecord): cri.PodSandboxStatus {
  const { config, state } = record;
  const addresses = state.kind === "ready" ? state.network.addresses : [];
  return {
    id: record.id,
    metadata: config.metadata,
    state: encodePodSandboxState(record),
    createdAt: record.createdAt,
    network: { ip: addresses[0] ?? "", additionalIps: addresses.slice(1).map((ip) => ({ ip })) },
    linux: { namespaces: { options: encodeNamespaceOptions(config.security.namespaces) } },
    labels: config.labels,
    annotations: config.annotations,
    runtimeHandler: record.runtimeHandler,
  };
}
