import type { UnixNanos } from "../../base/units.ts";
import {
  CgroupDriver,
  type Container,
  type ContainerEventResponse,
  ContainerEventType,
  ContainerState,
  type ContainerStatus,
  type Mount,
  MountPropagation,
  NamespaceMode,
  type NamespaceOption,
  type PodSandbox,
  PodSandboxState,
  type PodSandboxStatus,
  type RuntimeConfigResponse,
  Signal,
  type StatusResponse,
} from "../../wire/gen/runtime.v1.ts";

/**
 * What the CRI's messages look like in the JSON form of protocol buffers, which scripts know from crictl: enumerations
 * go by their names. What has none is printed as it is.
 */
export function containerDocument(container: Container): object {
  return { ...container, state: nameOf(ContainerState, container.state) };
}

export function podSandboxDocument(pod: PodSandbox): object {
  return { ...pod, state: nameOf(PodSandboxState, pod.state) };
}

/** As an event holds it, with times in nanoseconds. */
function containerStatusInEvent(status: ContainerStatus): object {
  return {
    ...status,
    state: nameOf(ContainerState, status.state),
    mounts: status.mounts.map(mountDocument),
    // The CRI's own names: SIGTERM, not SIGNAL_SIGTERM.
    stopSignal: String(nameOf(Signal, status.stopSignal)).replace(/^SIGNAL_/, ""),
  };
}

/** As `inspect` shows it: with times that people can read, as crictl has them. */
export function containerStatusDocument(status: ContainerStatus): object {
  return {
    ...containerStatusInEvent(status),
    createdAt: exactTime(status.createdAt),
    startedAt: exactTime(status.startedAt),
    finishedAt: exactTime(status.finishedAt),
  };
}

function mountDocument(mount: Mount): object {
  return { ...mount, propagation: nameOf(MountPropagation, mount.propagation) };
}

function podStatusInEvent(status: PodSandboxStatus): object {
  const options = status.linux?.namespaces?.options;
  return {
    ...status,
    state: nameOf(PodSandboxState, status.state),
    ...(options === undefined
      ? {}
      : { linux: { ...status.linux, namespaces: { options: namespacesDocument(options) } } }),
  };
}

/** As `inspect` shows it. */
export function podSandboxStatusDocument(status: PodSandboxStatus): object {
  return { ...podStatusInEvent(status), createdAt: exactTime(status.createdAt) };
}

function namespacesDocument(options: NamespaceOption): object {
  const mode = (value: NamespaceMode) => nameOf(NamespaceMode, value);
  const { usernsOptions } = options;
  return {
    ...options,
    network: mode(options.network),
    pid: mode(options.pid),
    ipc: mode(options.ipc),
    ...(usernsOptions === undefined
      ? {}
      : { usernsOptions: { ...usernsOptions, mode: mode(usernsOptions.mode) } }),
  };
}

export function eventDocument(event: ContainerEventResponse): object {
  const pod = event.podSandboxStatus;
  return {
    ...event,
    containerEventType: nameOf(ContainerEventType, event.containerEventType),
    ...(pod === undefined ? {} : { podSandboxStatus: podStatusInEvent(pod) }),
    containersStatuses: event.containersStatuses.map(containerStatusInEvent),
  };
}

/** `info` as crictl has it: the features of handlers go by the names in the CRI's files, and only those that are there. */
export function statusDocument({ info: _, runtimeHandlers, ...told }: StatusResponse): object {
  const handlers = runtimeHandlers.map(({ name, features }) => ({
    ...(name === "" ? {} : { name }),
    features: {
      ...(features?.recursiveReadOnlyMounts ? { recursive_read_only_mounts: true } : {}),
      ...(features?.userNamespaces ? { user_namespaces: true } : {}),
    },
  }));
  return { ...told, ...(handlers.length === 0 ? {} : { runtimeHandlers: handlers }) };
}

export function runtimeConfigDocument({ linux }: RuntimeConfigResponse): {
  readonly linux?: { readonly cgroupDriver: string };
} {
  if (linux === undefined) return {};
  return { linux: { cgroupDriver: String(nameOf(CgroupDriver, linux.cgroupDriver)) } };
}

/** The name of an enumeration's value; of one that is newer than this command, its number. */
export function nameOf(names: Readonly<Record<string, number>>, value: number): string | number {
  return Object.keys(names).find((name) => names[name] === value) ?? value;
}

/** RFC 3339 in UTC, with as many digits as it takes; the year 1 for a time that was not set (0), as crictl has it. */
export function exactTime(at: UnixNanos): string {
  if (at === 0n) return "0001-01-01T00:00:00Z";
  const second = 1_000_000_000n;
  const whole = new Date(Number(at / second) * 1000).toISOString().slice(0, 19);
  const fraction = String(at % second)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${whole}${fraction === "" ? "" : `.${fraction}`}Z`;
}
