import type { ContainerConfig } from "../../spec/cri/container-config.ts";
import type { LinuxResources } from "../../spec/cri/resources.ts";
import type { ImageConfig } from "../../spec/oci-image-config.ts";
import type { OciConfig, OciResources } from "../../spec/oci-runtime.ts";
import type { ContainerAdjustment } from "../../wire/gen/nri.v1alpha1.ts";
import type { ContainerPod } from "../pod.ts";
import type { ContainerRecord, ContainerUser } from "../state.ts";

/** A seccomp profile that was brought along. */
export interface NamedProfile {
  /** For people: where it is from. */
  readonly name: string;
  /** As its maker wrote it. */
  readonly text: string;
}

/** What a container's OCI config is made from. */
export interface SpecRequest {
  readonly record: ContainerRecord;
  readonly pod: ContainerPod;
  readonly image: ImageConfig;
  /** Where the container's root file system is mounted: users and mount targets are looked up beneath it. */
  readonly rootfs: string;
  /** Where images are mounted that are volumes, by the index of the config's mount. */
  readonly imageVolumes: ReadonlyMap<number, string>;
  /** What is to be bound for volumes that the image declares, by their path in the container. */
  readonly declaredVolumes: ReadonlyMap<string, string>;
  /** For a container that asks for no profile. */
  readonly seccomp?: NamedProfile;
}

/** Makes OCI configs; knows the host's facts and the daemon's settings. */
export interface SpecBuilder {
  /** @throws {Fault} invalid naming the field */
  build(request: SpecRequest): Promise<{ config: OciConfig; user: ContainerUser }>;
  /** What a container runs with, as NRI plugins adjust it. @throws {Fault} invalid, notFound, unimplemented */
  adjust(config: OciConfig, adjustment: ContainerAdjustment, handler: string): Promise<OciConfig>;
  /** How file systems are labeled that are mounted for the container; undefined: this host has no SELinux. @throws {Fault} invalid */
  mountLabel(config: ContainerConfig, pod: ContainerPod): string | undefined;
  /** The cgroup settings of an update. @throws {Fault} invalid naming the field */
  resources(resources: LinuxResources): OciResources;
  /** The score that a process gets where this one is asked for: the nearest that the daemon may set. */
  oomScoreAdj(wanted: number): number;
}
