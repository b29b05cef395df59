import type { PodSandboxConfig, PodSandboxSecurity, PortMapping } from "../../spec/cri/pod-sandbox-config.ts";
import * as cri from "../../wire/gen/runtime.v1.ts";
import { encodeNamespaceOptions } from "./namespaces.ts";
import { encodeResources } from "./resources.ts";
import { encodeGroupsPolicy, encodeSecurityProfile } from "./security.ts";

const protocols: Readonly<Record<PortMapping["protocol"], cri.Protocol>> = {
  tcp: cri.Protocol.TCP,
  udp: cri.Protocol.UDP,
  sctp: cri.Protocol.SCTP,
};

/** CRI PodSandboxConfig, as shims take it that make the sandbox by themselves: what decodePodSandboxConfig was given. */
export function encodePodSandboxConfig(config: PodSandboxConfig): Uint8Array {
  const { metadata, hostname, logDirectory, dns, portMappings, labels, annotations } = config;
  return cri.PodSandboxConfig.encode({
    metadata,
    hostname,
    logDirectory,
    dnsConfig: dns,
    portMappings: portMappings.map((mapping) => ({ ...mapping, protocol: protocols[mapping.protocol] })),
    labels,
    annotations,
    linux: {
      cgroupParent: config.cgroupParent,
      securityContext: encodeSecurity(config.security),
      sysctls: config.sysctls,
      overhead: config.overhead && encodeResources(config.overhead),
      resources: config.resources && encodeResources(config.resources),
    },
    windows: undefined,
  }).finish();
}

function encodeSecurity(security: PodSandboxSecurity): cri.LinuxSandboxSecurityContext {
  return {
    namespaceOptions: encodeNamespaceOptions(security.namespaces),
    selinuxOptions: security.selinux,
    runAsUser: encodeId(security.runAsUser),
    runAsGroup: encodeId(security.runAsGroup),
    readonlyRootfs: security.readonlyRootfs,
    supplementalGroups: security.supplementalGroups.map(BigInt),
    supplementalGroupsPolicy: encodeGroupsPolicy(security.supplementalGroupsPolicy),
    privileged: security.privileged,
    seccomp: encodeSecurityProfile(security.seccomp),
    apparmor: encodeSecurityProfile(security.apparmor),
    seccompProfilePath: "",
  };
}

function encodeId(id: number | undefined): cri.Int64Value | undefined {
  return id === undefined ? undefined : { value: BigInt(id) };
}
