import {
  HugepageLimit,
  IDMapping,
  Int64Value,
  LinuxContainerResources,
  NamespaceMode,
  NamespaceOption,
  SELinuxOption,
  SecurityProfile,
  SecurityProfile_ProfileType,
  UserNamespace,
} from "../../wire/gen/runtime.v1.ts";
import { list, long, message, oneOf, type Reader, text, texts, whole } from "./fields.ts";

/** What the configurations of pod sandboxes and of containers have in common. */

/** `{value: 1000}`, or the bare number. */
export const int64: Reader<Int64Value> = (value, at) =>
  typeof value === "object"
    ? message(Int64Value, { value: long })(value, at)
    : Int64Value.create({ value: long(value, at) });

export const idMapping = message(IDMapping, { hostId: whole, containerId: whole, length: whole });

const userNamespace = message(UserNamespace, {
  mode: oneOf(NamespaceMode),
  uids: list(idMapping),
  gids: list(idMapping),
});

export const namespaceOption = message(NamespaceOption, {
  network: oneOf(NamespaceMode),
  pid: oneOf(NamespaceMode),
  ipc: oneOf(NamespaceMode),
  targetId: text,
  usernsOptions: userNamespace,
});

export const seLinuxOption = message(SELinuxOption, { user: text, role: text, type: text, level: text });

export const securityProfile = message(SecurityProfile, {
  profileType: oneOf(SecurityProfile_ProfileType),
  localhostRef: text,
});

export const resources = message(LinuxContainerResources, {
  cpuPeriod: long,
  cpuQuota: long,
  cpuShares: long,
  memoryLimitInBytes: long,
  oomScoreAdj: long,
  cpusetCpus: text,
  cpusetMems: text,
  hugepageLimits: list(message(HugepageLimit, { pageSize: text, limit: long })),
  unified: texts,
  memorySwapLimitInBytes: long,
});
