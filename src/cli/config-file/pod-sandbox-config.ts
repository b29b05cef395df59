import {
  DNSConfig,
  LinuxPodSandboxConfig,
  LinuxSandboxSecurityContext,
  PodSandboxConfig,
  PodSandboxMetadata,
  PortMapping,
  Protocol,
  SupplementalGroupsPolicy,
} from "../../wire/gen/runtime.v1.ts";
import { int64, namespaceOption, resources, securityProfile, seLinuxOption } from "./common.ts";
import { flag, ignored, list, long, message, oneOf, text, texts, whole } from "./fields.ts";

const securityContext = message(LinuxSandboxSecurityContext, {
  namespaceOptions: namespaceOption,
  selinuxOptions: seLinuxOption,
  runAsUser: int64,
  runAsGroup: int64,
  readonlyRootfs: flag,
  supplementalGroups: list(long),
  supplementalGroupsPolicy: oneOf(SupplementalGroupsPolicy),
  privileged: flag,
  seccomp: securityProfile,
  apparmor: securityProfile,
  seccompProfilePath: text,
});

/** The file that `crictl runp` takes: a PodSandboxConfig. */
export const podSandboxConfig = message(PodSandboxConfig, {
  metadata: message(PodSandboxMetadata, { name: text, uid: text, namespace: text, attempt: whole }),
  hostname: text,
  logDirectory: text,
  dnsConfig: message(DNSConfig, { servers: list(text), searches: list(text), options: list(text) }),
  portMappings: list(
    message(PortMapping, { protocol: oneOf(Protocol), containerPort: whole, hostPort: whole, hostIp: text }),
  ),
  labels: texts,
  annotations: texts,
  linux: message(LinuxPodSandboxConfig, {
    cgroupParent: text,
    securityContext,
    sysctls: texts,
    overhead: resources,
    resources,
  }),
  windows: ignored,
});
