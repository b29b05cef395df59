import { posix } from "node:path";
import { Fault } from "../../base/fault.ts";
import type { CdiEdits } from "../../spec/cdi/format.ts";
import type { OciConfig, OciLinux, OciMount, OciProcess } from "../../spec/oci-runtime.ts";
import { withHooks } from "./hooks.ts";
import type { FoundCdi, FoundCdiDevice, RuntimeFeatures } from "./input.ts";

type Config = Omit<OciConfig, "ociVersion">;

/**
 * The configuration with what its CDI devices change of it (CDI spec, OCI Edits), one after the other: a later variable,
 * device node or mount takes the place of an earlier one.
 *
 * @throws {Fault} unimplemented for network interfaces when the runtime can't move them
 */
export function withCdi(config: Config, { edits, deviceNodes }: FoundCdi, runtime: RuntimeFeatures): Config {
  if (edits.length === 0) return config;
  const all = <Item>(of: (one: CdiEdits) => readonly Item[]) => edits.flatMap(of);
  const interfaces = all(({ netDevices }) => netDevices);
  if (interfaces.length > 0 && !runtime.networkDevices) {
    const names = interfaces.map(({ hostInterfaceName }) => hostInterfaceName).join(", ");
    throw new Fault(
      "unimplemented",
      `a CDI device moves ${names} into the container, which the pod's runtime can't do`,
      { hint: "use a runtime handler whose features say linux.netDevices" },
    );
  }
  const hooks = all((one) => one.hooks);
  const mounts = all((one) => one.mounts);
  return {
    ...withHooks(
      config,
      hooks.map(({ hookName, ...program }) => ({ stage: hookName, program })),
    ),
    process: editProcess(config.process, edits),
    mounts: mounts.length === 0 ? config.mounts : editMounts(config.mounts, mounts),
    linux: editLinux(config.linux, deviceNodes, edits, config.process.user),
  };
}

function editProcess(process: OciProcess, edits: readonly CdiEdits[]): OciProcess {
  const env = new Map(process.env.map((entry) => [nameOf(entry), entry]));
  for (const entry of edits.flatMap((one) => one.env)) env.set(nameOf(entry), entry);
  const gids = edits.flatMap(({ additionalGids }) => additionalGids).filter((gid) => gid !== 0);
  const additionalGids = [...new Set([...(process.user.additionalGids ?? []), ...gids])];
  return { ...process, env: [...env.values()], user: { ...process.user, additionalGids } };
}

function nameOf(variable: string): string {
  return variable.slice(0, variable.indexOf("="));
}

function editMounts(mounts: readonly OciMount[], added: CdiEdits["mounts"]): OciMount[] {
  const placed = new Map(mounts.map((mount) => [mount.destination, mount]));
  for (const { hostPath, containerPath, type, options } of added) {
    const destination = posix.resolve("/", containerPath);
    placed.delete(destination);
    placed.set(destination, {
      destination,
      source: hostPath,
      ...(type === undefined ? {} : { type }),
      ...(options === undefined ? {} : { options: [...options] }),
    });
  }
  const depth = ({ destination }: OciMount) => posix.normalize(destination).split("/").length;
  return [...placed.values()].sort((a, b) => depth(a) - depth(b));
}

function editLinux(
  linux: OciLinux,
  added: readonly FoundCdiDevice[],
  edits: readonly CdiEdits[],
  user: OciProcess["user"],
): OciLinux {
  const devices = new Map((linux.devices ?? []).map((device) => [device.path, device]));
  const rules = [...(linux.resources?.devices ?? [])];
  for (const { device, access } of added) {
    const owner = { ...(user.uid > 0 ? { uid: user.uid } : {}), ...(user.gid > 0 ? { gid: user.gid } : {}) };
    devices.set(device.path, { ...owner, ...device });
    const { type, major, minor } = device;
    if (type !== "p" && access !== "") rules.push({ allow: true, type, major, minor, access });
  }
  const rdt = edits.findLast(({ intelRdt }) => intelRdt !== undefined)?.intelRdt;
  const interfaces = edits.flatMap(({ netDevices }) => netDevices);
  const moved = interfaces.map(({ hostInterfaceName, name }) => [hostInterfaceName, { name }] as const);
  return {
    ...linux,
    ...(devices.size === 0 ? {} : { devices: [...devices.values()] }),
    resources: { ...linux.resources, devices: rules },
    ...(rdt === undefined ? {} : { intelRdt: definedOnly(rdt) }),
    ...(moved.length === 0 ? {} : { netDevices: { ...linux.netDevices, ...Object.fromEntries(moved) } }),
  };
}

function definedOnly<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}
