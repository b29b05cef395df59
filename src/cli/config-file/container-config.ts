import {
  Capability,
  CDIDevice,
  ContainerConfig,
  ContainerMetadata,
  Device,
  ImageSpec,
  KeyValue,
  LinuxContainerConfig,
  LinuxContainerSecurityContext,
  Mount,
  MountPropagation,
  Signal,
  SupplementalGroupsPolicy,
} from "../../wire/gen/runtime.v1.ts";
import { idMapping, int64, namespaceOption, resources, securityProfile, seLinuxOption } from "./common.ts";
import { bytes, flag, ignored, list, long, message, oneOf, text, texts, whole } from "./fields.ts";

const imageSpec = message(ImageSpec, {
  image: text,
  annotations: texts,
  userSpecifiedImage: text,
  runtimeHandler: text,
  imageRef: text,
});

const mount = message(Mount, {
  containerPath: text,
  hostPath: text,
  readonly: flag,
  selinuxRelabel: flag,
  propagation: oneOf(MountPropagation),
  uidMappings: list(idMapping),
  gidMappings: list(idMapping),
  recursiveReadOnly: flag,
  image: imageSpec,
  imageSubPath: text,
  mountOptions: list(text),
});

const securityContext = message(LinuxContainerSecurityContext, {
  capabilities: message(Capability, {
    addCapabilities: list(text),
    dropCapabilities: list(text),
    addAmbientCapabilities: list(text),
  }),
  privileged: flag,
  namespaceOptions: namespaceOption,
  selinuxOptions: seLinuxOption,
  runAsUser: int64,
  runAsGroup: int64,
  runAsUsername: text,
  readonlyRootfs: flag,
  supplementalGroups: list(long),
  supplementalGroupsPolicy: oneOf(SupplementalGroupsPolicy),
  noNewPrivs: flag,
  maskedPaths: list(text),
  readonlyPaths: list(text),
  seccomp: securityProfile,
  apparmor: securityProfile,
  apparmorProfile: text,
  seccompProfilePath: text,
});

/** The file that `crictl create` takes: a ContainerConfig. */
export const containerConfig = message(ContainerConfig, {
  metadata: message(ContainerMetadata, { name: text, attempt: whole }),
  image: imageSpec,
  command: list(text),
  args: list(text),
  workingDir: text,
  envs: list(message(KeyValue, { key: text, value: bytes })),
  mounts: list(mount),
  devices: list(message(Device, { containerPath: text, hostPath: text, permissions: text })),
  labels: texts,
  annotations: texts,
  logPath: text,
  stdin: flag,
  stdinOnce: flag,
  tty: flag,
  linux: message(LinuxContainerConfig, { resources, securityContext }),
  windows: ignored,
  CDIDevices: list(message(CDIDevice, { name: text })),
  stopSignal: oneOf(Signal),
});
