import { posix } from "node:path";
import { Fault } from "../../base/fault.ts";
import { parseDeviceText } from "../../config/device-text.ts";
import { orderOf } from "../../config/pod-orders.ts";
import type { Device } from "../../spec/cri/container-config.ts";
import type { OciConfigInput, RequestedDevice, SpecSettings } from "./input.ts";

/**
 * The devices of all containers, those that the pod's annotation asks for where it may, and those of the config; a later
 * one takes the place of an earlier one at its path.
 *
 * @throws {Fault} invalid for an annotation that is malformed, or asks for a device that is not in the settings
 */
export function requestedDevices({
  config,
  pod,
  settings,
}: Pick<OciConfigInput, "config" | "pod"> & { readonly settings: SpecSettings }): RequestedDevice[] {
  const { devices, allowedDevices } = settings.container;
  const ofNode = devices.flatMap((text, index) => {
    const device = parseDeviceText(text);
    return device === undefined ? [] : [{ ...device, field: `the setting container.devices[${index}]` }];
  });
  const ofConfig = config.devices.map((device, index) => ({ ...device, field: `config.devices[${index}]` }));
  const order = orderOf("devices", pod.config.annotations, settings.handler.allowedAnnotations);
  const all = [...ofNode, ...(order === undefined ? [] : orderedDevices(order, allowedDevices)), ...ofConfig];
  return [...new Map(all.map((device) => [destinationOf(device), device])).values()];
}

/** Where the container has it. */
export function destinationOf({ hostPath, containerPath }: Device): string {
  return posix.resolve("/", containerPath === "" ? hostPath : containerPath);
}

function orderedDevices(
  { key, value }: { readonly key: string; readonly value: string },
  allowed: readonly string[],
): RequestedDevice[] {
  const field = `the pod's annotation ${key}`;
  return value.split(",").map((text) => {
    const device = parseDeviceText(text.trim());
    if (device === undefined)
      throw new Fault("invalid", `${field}: "${text}" is not of the form /dev/x:/dev/y:rwm`);
    if (!allowed.includes(device.hostPath)) {
      const may = allowed.length === 0 ? "none" : allowed.join(", ");
      throw new Fault(
        "invalid",
        `${field}: ${device.hostPath} is not allowed; the setting allowedDevices has ${may}`,
      );
    }
    return { ...device, field };
  });
}
