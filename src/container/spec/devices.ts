import { Fault } from "../../base/fault.ts";
import type { OciDevice, OciDeviceRule } from "../../spec/oci-runtime.ts";
import type { OciConfigInput } from "./input.ts";
import { renamedDevices } from "./renamed-devices.ts";

/** The device nodes in a container, and which devices its cgroup lets it use. */
export interface ContainerDevices {
  readonly devices: OciDevice[];
  readonly rules: OciDeviceRule[];
}

/**
 * The devices that are asked for, each with the access it was given; for privileged containers all of the node's, with all
 * access. The OCI runtime adds those that every container has (null, zero, full, random, urandom, tty, console, ptmx).
 *
 * @throws {Fault} invalid for permissions other than `r`, `w`, `m`
 */
export function containerDevices(
  input: Pick<OciConfigInput, "config" | "pod" | "settings" | "found">,
): ContainerDevices {
  const { config, settings, found } = input;
  const all = config.security.privileged && !settings.handler.privilegedWithoutHostDevices;
  const devices = new Map<string, OciDevice>();
  if (all) for (const device of found.hostDevices) devices.set(device.path, device);
  const rules: OciDeviceRule[] = [all ? { allow: true, access: "rwm" } : { allow: false, access: "rwm" }];
  for (const { requested, nodes } of found.devices) {
    const { permissions, field } = requested;
    if (!/^[rwm]{1,3}$/.test(permissions)) {
      throw new Fault("invalid", `${field}.permissions "${permissions}" is not made of r, w and m`);
    }
    for (const device of nodes) {
      devices.set(device.path, device);
      const { type, major, minor } = device;
      if (!all && type !== "p") rules.push({ allow: true, type, major, minor, access: permissions });
    }
  }
  for (const { destination } of renamedDevices(input)) devices.delete(destination);
  return { devices: [...devices.values()], rules };
}
