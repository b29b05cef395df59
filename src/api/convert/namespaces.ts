import type { IdMapping, NamespaceMode, NamespaceOptions, UserMappings } from "../../spec/cri/security.ts";
import * as cri from "../../wire/gen/runtime.v1.ts";
import { enumFrom, wrongField } from "./field.ts";

const modes: Readonly<Record<number, NamespaceMode>> = {
  [cri.NamespaceMode.POD]: "pod",
  [cri.NamespaceMode.CONTAINER]: "container",
  [cri.NamespaceMode.NODE]: "node",
  [cri.NamespaceMode.TARGET]: "target",
};

const modeNumbers: Readonly<Record<NamespaceMode, cri.NamespaceMode>> = {
  pod: cri.NamespaceMode.POD,
  container: cri.NamespaceMode.CONTAINER,
  node: cri.NamespaceMode.NODE,
  target: cri.NamespaceMode.TARGET,
};

/** Ids are 32 bits wide, and the last one means "none". */
const mostIds = 0xffff_ffff;

/**
 * CRI NamespaceOption; without one, everything is the pod's.
 *
 * @throws {Fault} invalid
 */
export function decodeNamespaceOptions(
  options: cri.NamespaceOption | undefined,
  field: string,
): NamespaceOptions {
  if (options === undefined) return { network: "pod", pid: "pod", ipc: "pod" };
  const network = ownOrShared(options.network, `${field}.network`);
  const ipc = ownOrShared(options.ipc, `${field}.ipc`);
  const pid = enumFrom(options.pid, `${field}.pid`, modes);
  if (pid === "target" && options.targetId === "") {
    throw wrongField(`${field}.target_id`, "missing, although pid is TARGET");
  }
  if (pid !== "target" && options.targetId !== "") {
    throw wrongField(`${field}.target_id`, "set, although pid is not TARGET");
  }
  const user = decodeUserNamespace(options.usernsOptions, `${field}.userns_options`);
  return {
    network,
    pid,
    ipc,
    ...(pid === "target" ? { targetId: options.targetId } : {}),
    ...(user === undefined ? {} : { user }),
  };
}

export function encodeNamespaceOptions(options: NamespaceOptions): cri.NamespaceOption {
  return {
    network: modeNumbers[options.network],
    pid: modeNumbers[options.pid],
    ipc: modeNumbers[options.ipc],
    targetId: options.targetId ?? "",
    usernsOptions:
      options.user === undefined
        ? undefined
        : { mode: cri.NamespaceMode.POD, uids: [options.user.uids], gids: [options.user.gids] },
  };
}

function ownOrShared(value: number, field: string): NamespaceMode {
  const mode = enumFrom(value, field, modes);
  if (mode === "target") throw wrongField(field, "only a PID namespace can be that of another container");
  return mode;
}

function decodeUserNamespace(
  options: cri.UserNamespace | undefined,
  field: string,
): UserMappings | undefined {
  if (options === undefined) return undefined;
  const mode = enumFrom(options.mode, `${field}.mode`, modes);
  if (mode === "node") {
    if (options.uids.length + options.gids.length > 0) {
      throw wrongField(field, "has mappings, although mode is NODE");
    }
    return undefined;
  }
  if (mode !== "pod") throw wrongField(`${field}.mode`, "only POD and NODE are possible");
  return {
    uids: oneMapping(options.uids, `${field}.uids`),
    gids: oneMapping(options.gids, `${field}.gids`),
  };
}

/** The CRI asks runtimes to refuse all but one mapping that begins at id 0. */
function oneMapping(mappings: cri.IDMapping[], field: string): IdMapping {
  const [mapping, ...others] = mappings;
  if (mapping === undefined) throw wrongField(field, "missing, although mode is POD");
  if (others.length > 0) throw wrongField(field, "holds more than one mapping");
  if (mapping.containerId !== 0) throw wrongField(`${field}[0].container_id`, "is not 0");
  return checkMapping(mapping, `${field}[0]`);
}

/** @throws {Fault} invalid for an empty mapping, or one beyond the last id */
export function checkMapping(mapping: cri.IDMapping, field: string): IdMapping {
  const { hostId, containerId, length } = mapping;
  if (length === 0) throw wrongField(`${field}.length`, "missing");
  if (hostId + length > mostIds || containerId + length > mostIds) {
    throw wrongField(field, "leads beyond the largest id");
  }
  return { hostId, containerId, length };
}
