import type { ContainerConfig, Device, ImageSpec, Mount } from "../../spec/cri/container-config.ts";
import type * as cri from "../../wire/gen/runtime.v1.ts";
import { decodeContainerSecurity } from "./decode-container-security.ts";
import {
  checkPathBelow,
  refuseNul,
  requireAbsolutePath,
  requireMessage,
  requireText,
  wrongField,
} from "./field.ts";
import { decodeMount } from "./mount.ts";
import { decodeResources } from "./resources.ts";
import { decodeSignal } from "./signal.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * CRI ContainerConfig, as CreateContainer has it.
 *
 * @throws {Fault} invalid, naming the field below `field`
 */
export function decodeContainerConfig(
  given: cri.ContainerConfig | undefined,
  field: string,
): ContainerConfig {
  const config = requireMessage(given, field);
  refuseNul(config, field);
  if (config.windows !== undefined) throw wrongField(`${field}.windows`, "set, but this node runs Linux");
  const metadata = requireMessage(config.metadata, `${field}.metadata`);
  const resources = config.linux?.resources;
  return {
    metadata: {
      name: requireText(metadata.name, `${field}.metadata.name`),
      attempt: metadata.attempt,
    },
    image: decodeImageSpec(config.image, `${field}.image`),
    command: config.command,
    args: config.args,
    workingDir: config.workingDir,
    envs: config.envs.map((env, index) => decodeEnv(env, `${field}.envs[${index}]`)),
    mounts: decodeMounts(config.mounts, `${field}.mounts`),
    devices: config.devices.map((device, index) => decodeDevice(device, `${field}.devices[${index}]`)),
    cdiDevices: config.CDIDevices.map((device, index) =>
      requireText(device.name, `${field}.CDI_devices[${index}].name`),
    ),
    labels: config.labels,
    annotations: config.annotations,
    logPath: checkPathBelow(config.logPath, `${field}.log_path`),
    stdin: config.stdin,
    stdinOnce: config.stdinOnce && config.stdin,
    tty: config.tty,
    resources: resources === undefined ? {} : decodeResources(resources, `${field}.linux.resources`),
    security: decodeContainerSecurity(config.linux?.securityContext, `${field}.linux.security_context`),
    stopSignal: decodeSignal(config.stopSignal, `${field}.stop_signal`),
  };
}

/** @throws {Fault} invalid when no image is named */
export function decodeImageSpec(given: cri.ImageSpec | undefined, field: string): ImageSpec {
  const spec = requireMessage(given, field);
  return {
    image: requireText(spec.image, `${field}.image`),
    annotations: spec.annotations,
    userSpecifiedImage: spec.userSpecifiedImage,
    runtimeHandler: spec.runtimeHandler,
  };
}

function decodeEnv({ key, value }: cri.KeyValue, field: string): { key: string; value: string } {
  requireText(key, `${field}.key`);
  if (key.includes("=")) throw wrongField(`${field}.key`, `"${key}" holds a "="`);
  if (value.includes(0)) throw wrongField(`${field}.value`, "holds a NUL byte");
  try {
    return { key, value: utf8.decode(value) };
  } catch {
    throw wrongField(`${field}.value`, `the value of ${key} is not UTF-8, which the OCI runtime needs`);
  }
}

function decodeMounts(mounts: cri.Mount[], field: string): Mount[] {
  return mounts.map((mount, index) => {
    const image =
      mount.image === undefined ? undefined : decodeImageSpec(mount.image, `${field}[${index}].image`);
    return decodeMount(mount, image, `${field}[${index}]`);
  });
}

function decodeDevice(device: cri.Device, field: string): Device {
  const { containerPath, hostPath, permissions } = device;
  if (!/^[rwm]{1,3}$/.test(permissions)) {
    throw wrongField(`${field}.permissions`, `"${permissions}" is not made of r, w and m`);
  }
  return {
    containerPath: requireAbsolutePath(containerPath, `${field}.container_path`),
    hostPath: requireAbsolutePath(hostPath, `${field}.host_path`),
    permissions,
  };
}
