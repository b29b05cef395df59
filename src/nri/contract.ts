import type { Ms, UnixNanos } from "../base/units.ts";
import type { LinuxResources as CriResources } from "../spec/cri/resources.ts";
import type {
  Container,
  ContainerAdjustment,
  Hooks,
  LinuxContainer,
  LinuxResources,
  PodSandbox,
} from "../wire/gen/nri.v1alpha1.ts";

/** A container as plugins see it; with the parts that they adjust. */
export type NriContainer = Container & { linux: LinuxContainer; hooks: Hooks };

export interface NriSubject {
  readonly pod: PodSandbox;
  readonly container: NriContainer;
}

/** What plugins change of a new container. */
export interface NriAdjustment {
  readonly adjustment: ContainerAdjustment;
  /** Which plugin set what, both in words. */
  readonly owners: Readonly<Record<string, string>>;
}

/** What a container that runs is to be given. */
export interface NriUpdate {
  readonly resources: LinuxResources;
  readonly owners: NriAdjustment["owners"];
}

export type PodEvent = "runPodSandbox" | "postUpdatePodSandbox" | "stopPodSandbox" | "removePodSandbox";
export type ContainerEvent =
  | "postCreateContainer"
  | "startContainer"
  | "postStartContainer"
  | "postUpdateContainer";
/** What plugins are only told of. */
export type DoneEvent =
  | Exclude<PodEvent | ContainerEvent, "runPodSandbox" | "startContainer">
  | "stopContainer"
  | "removeContainer";

/**
 * The plugins of the node resource interface, as pods and containers tell them what goes on. What is told about is described
 * only when there is somebody to tell.
 *
 * A plugin that doesn't answer in time, or breaks the protocol, is closed, and what it was asked goes on without it. One
 * that refuses a run, a create, a start or an update fails that; the refusal of what is only told of goes into the log.
 */
export interface NriPlugins {
  /** True when there is nobody to tell, and no rule for containers either. */
  readonly isIdle: boolean;
  /** @throws {Fault} with what a plugin said, of runPodSandbox */
  podEvent(event: PodEvent, pod: () => PodSandbox, signal: AbortSignal): Promise<void>;
  /** @throws {Fault} with what a plugin said */
  updatePodSandbox(
    pod: () => PodSandbox,
    resources: {
      readonly overhead: LinuxResources | undefined;
      readonly resources: LinuxResources | undefined;
    },
    signal: AbortSignal,
  ): Promise<void>;
  /** @throws {Fault} with what a plugin said; wrongState when two set the same, forbidden when a validator refuses */
  createContainer(subject: () => NriSubject, signal: AbortSignal): Promise<NriAdjustment | undefined>;
  /** @throws {Fault} with what a plugin said, of startContainer */
  containerEvent(event: ContainerEvent, subject: () => NriSubject, signal: AbortSignal): Promise<void>;
  /** @returns the resources to give it instead. @throws {Fault} as createContainer */
  updateContainer(
    subject: () => NriSubject,
    resources: LinuxResources,
    signal: AbortSignal,
  ): Promise<NriUpdate | undefined>;
  /** Tells of it when it is its turn; nobody waits for that. To be said whether or not there is somebody: who comes later is not shown it. */
  containerStopped(id: string, subject: () => NriSubject): void;
  /** Also of one whose create failed: those that know of it are told that it is gone. */
  containerRemoved(id: string, signal: AbortSignal): Promise<void>;
  reports(): readonly NriPluginReport[];
}

/** What plugins are shown of this node, and may do to it. */
export interface NriNode {
  /** Those that are up, or have been. */
  pods(): PodSandbox[];
  /** Those that have not ended. */
  containers(): NriContainer[];
  /** @throws {Fault} */
  update(container: string, resources: CriResources, owners: NriAdjustment["owners"]): Promise<void>;
  /** Ends it, as a plugin asks for. @param why for whoever looks at it. @throws {Fault} */
  evict(container: string, why: string): Promise<void>;
}

/** Who counts what plugins are asked. */
export interface NriObserver {
  called(plugin: string, event: string, took: Ms, isFailed: boolean): void;
  /** Of one container. */
  changed(plugin: string, kind: "adjustment" | "update" | "eviction"): void;
  /** One that the daemon has launched, and that had ended. */
  launchedAgain(plugin: string): void;
}

/** One plugin, for people. */
export interface NriPluginReport {
  /** As in `10-logger`. */
  readonly name: string;
  readonly kind: "launched" | "external";
  /** 0: not known. */
  readonly pid: number;
  /** "waiting": it has ended, and is launched again after a pause. */
  readonly state: "starting" | "active" | "waiting" | "closed";
  /** Why it has ended; empty: it hasn't. */
  readonly problem: string;
  /** As in `CreateContainer`. */
  readonly events: readonly string[];
  readonly since: UnixNanos;
  readonly calls: number;
  readonly errors: number;
  readonly adjusted: number;
  /** The last of the errors, with what it was asked; empty: none. */
  readonly lastError: string;
}

const nobody = async () => undefined;

/** A node that has none, and never will. */
export const noNriPlugins: NriPlugins = {
  isIdle: true,
  podEvent: nobody,
  updatePodSandbox: nobody,
  createContainer: nobody,
  containerEvent: nobody,
  updateContainer: nobody,
  containerStopped: () => undefined,
  containerRemoved: nobody,
  reports: () => [],
};
