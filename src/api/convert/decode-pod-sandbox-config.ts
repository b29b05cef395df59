import { isIP } from "node:net";
import type {
  DnsConfig,
  PodSandboxConfig,
  PodSandboxMetadata,
  PodSandboxSecurity,
  PortMapping,
} from "../../spec/cri/pod-sandbox-config.ts";
import * as cri from "../../wire/gen/runtime.v1.ts";
import {
  checkPathBelow,
  enumFrom,
  numberWithin,
  refuseNul,
  requireAbsolutePath,
  requireMessage,
  requireText,
  wrongField,
} from "./field.ts";
import { decodeNamespaceOptions } from "./namespaces.ts";
import { decodeResources } from "./resources.ts";
import {
  decodeGroupsPolicy,
  decodeId,
  decodeOptionalId,
  decodeSELinuxOptions,
  decodeSecurityProfile,
} from "./security.ts";
import { decodeShmSize } from "./shm-size.ts";

/** Longest name that sethostname(2) takes. */
const longestHostname = 64;
/** Path of a sysctl below /proc/sys, with dots or slashes between its parts. */
const sysctlForm = /^[a-zA-Z0-9_-]+([./][a-zA-Z0-9_-]+)+$/;

const protocols: Readonly<Record<number, PortMapping["protocol"]>> = {
  [cri.Protocol.TCP]: "tcp",
  [cri.Protocol.UDP]: "udp",
  [cri.Protocol.SCTP]: "sctp",
};

/**
 * CRI PodSandboxConfig, as RunPodSandbox has it.
 *
 * @throws {Fault} invalid, naming the field below `field`
 */
export function decodePodSandboxConfig(
  given: cri.PodSandboxConfig | undefined,
  field: string,
): PodSandboxConfig {
  const config = requireMessage(given, field);
  refuseNul(config, field);
  if (config.windows !== undefined) throw wrongField(`${field}.windows`, "set, but this node runs Linux");
  if (config.hostname.length > longestHostname) {
    throw wrongField(`${field}.hostname`, `is longer than ${longestHostname} characters`);
  }
  if (/[\s/]/.test(config.hostname)) throw wrongField(`${field}.hostname`, "holds a blank or a slash");
  if (config.logDirectory !== "") requireAbsolutePath(config.logDirectory, `${field}.log_directory`);
  const linux = config.linux;
  const dns = decodeDns(config.dnsConfig, `${field}.dns_config`);
  const shmSize = decodeShmSize(config.annotations, `${field}.annotations`);
  const within = `${field}.linux`;
  return {
    metadata: decodeMetadata(config.metadata, `${field}.metadata`),
    hostname: config.hostname,
    logDirectory: config.logDirectory,
    ...(dns === undefined ? {} : { dns }),
    portMappings: config.portMappings.map((mapping, index) =>
      decodePortMapping(mapping, `${field}.port_mappings[${index}]`),
    ),
    labels: config.labels,
    annotations: config.annotations,
    cgroupParent: decodeCgroupParent(linux?.cgroupParent ?? "", `${within}.cgroup_parent`),
    security: decodeSecurity(linux?.securityContext, `${within}.security_context`),
    sysctls: decodeSysctls(linux?.sysctls ?? {}, `${within}.sysctls`),
    ...(linux?.overhead === undefined
      ? {}
      : { overhead: decodeResources(linux.overhead, `${within}.overhead`) }),
    ...(linux?.resources === undefined
      ? {}
      : { resources: decodeResources(linux.resources, `${within}.resources`) }),
    ...(shmSize === undefined ? {} : { shmSize }),
  };
}

function decodeMetadata(given: cri.PodSandboxMetadata | undefined, field: string): PodSandboxMetadata {
  const { name, uid, namespace, attempt } = requireMessage(given, field);
  return {
    name: requireText(name, `${field}.name`),
    uid: requireText(uid, `${field}.uid`),
    namespace: requireText(namespace, `${field}.namespace`),
    attempt,
  };
}

/** What is given here is written to resolv.conf as it is. */
function decodeDns(dns: cri.DNSConfig | undefined, field: string): DnsConfig | undefined {
  if (dns === undefined) return undefined;
  for (const [index, server] of dns.servers.entries()) {
    if (isIP(server.split("%")[0] ?? "") === 0 || /\s/.test(server)) {
      throw wrongField(`${field}.servers[${index}]`, `${JSON.stringify(server)} is not an address`);
    }
  }
  for (const part of ["searches", "options"] as const) {
    for (const [index, word] of dns[part].entries()) {
      if (word === "" || /[\s#;]/.test(word)) {
        throw wrongField(`${field}.${part}[${index}]`, `${JSON.stringify(word)} is not one word`);
      }
    }
  }
  return { servers: dns.servers, searches: dns.searches, options: dns.options };
}

function decodePortMapping(mapping: cri.PortMapping, field: string): PortMapping {
  if (mapping.hostIp !== "" && isIP(mapping.hostIp) === 0) {
    throw wrongField(`${field}.host_ip`, `"${mapping.hostIp}" is not an address`);
  }
  return {
    protocol: enumFrom(mapping.protocol, `${field}.protocol`, protocols),
    containerPort: numberWithin(mapping.containerPort, `${field}.container_port`, 1, 65535),
    hostPort: numberWithin(mapping.hostPort, `${field}.host_port`, 0, 65535),
    hostIp: mapping.hostIp,
  };
}

function decodeCgroupParent(parent: string, field: string): string {
  checkPathBelow(parent.replace(/^\/+/, ""), field);
  return parent;
}

function decodeSysctls(sysctls: Record<string, string>, field: string): Record<string, string> {
  for (const [name, value] of Object.entries(sysctls)) {
    if (!sysctlForm.test(name)) throw wrongField(field, `"${name}" is not the name of a sysctl`);
    if (value === "") throw wrongField(field, `${name} has no value`);
  }
  return sysctls;
}

function decodeSecurity(
  given: cri.LinuxSandboxSecurityContext | undefined,
  field: string,
): PodSandboxSecurity {
  const namespaces = decodeNamespaceOptions(given?.namespaceOptions, `${field}.namespace_options`);
  if (namespaces.pid === "target") {
    throw wrongField(`${field}.namespace_options.pid`, "a pod sandbox can't use that of a container");
  }
  const selinux = decodeSELinuxOptions(given?.selinuxOptions);
  const runAsUser = decodeOptionalId(given?.runAsUser, `${field}.run_as_user`);
  const runAsGroup = decodeOptionalId(given?.runAsGroup, `${field}.run_as_group`);
  const seccomp = decodeSecurityProfile(
    given?.seccomp,
    `${field}.seccomp`,
    given?.seccompProfilePath ?? "",
    `${field}.seccomp_profile_path`,
  );
  const apparmor = decodeSecurityProfile(given?.apparmor, `${field}.apparmor`, "", `${field}.apparmor`);
  return {
    namespaces,
    ...(selinux === undefined ? {} : { selinux }),
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(runAsGroup === undefined ? {} : { runAsGroup }),
    readonlyRootfs: given?.readonlyRootfs ?? false,
    supplementalGroups: (given?.supplementalGroups ?? []).map((id, index) =>
      decodeId(id, `${field}.supplemental_groups[${index}]`),
    ),
    supplementalGroupsPolicy: decodeGroupsPolicy(
      given?.supplementalGroupsPolicy ?? cri.SupplementalGroupsPolicy.Merge,
      `${field}.supplemental_groups_policy`,
    ),
    privileged: given?.privileged ?? false,
    ...(seccomp === undefined ? {} : { seccomp }),
    ...(apparmor === undefined ? {} : { apparmor }),
  };
}
