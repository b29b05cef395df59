import { stat } from "node:fs/promises";
import { Fault } from "../../base/fault.ts";
import type { CdiDirectories, CdiState } from "../../spec/cdi/directories.ts";
import type { CdiDeviceNode, CdiEdits } from "../../spec/cdi/format.ts";
import { parseCdiName } from "../../spec/cdi/name.ts";
import type { ContainerConfig } from "../../spec/cri/container-config.ts";
import { ociDevice } from "./device-lookup.ts";
import type { FoundCdi, FoundCdiDevice } from "./input.ts";

/** Older kubelets and device plugins ask by annotations: any name below this, full device names separated by commas. */
const annotationPrefix = "cdi.k8s.io/";

type Request = Pick<ContainerConfig, "cdiDevices" | "annotations">;

/**
 * What the container's CDI devices change of its configuration: for each file the edits for all of its devices, once, then
 * those of the device. What a device node takes from the node's own device is looked up.
 *
 * @throws {Fault} invalid for what is no device's name, and for a device node that is not as its file says; notFound for
 *   devices that no file has
 */
export async function findCdi(config: Request, cdi: CdiDirectories): Promise<FoundCdi> {
  const names = wantedDevices(config);
  if (names.size === 0) return { edits: [], deviceNodes: [] };
  const state = await cdi.read();
  requireAll(names, state, cdi.directories);
  const edits: CdiEdits[] = [];
  const files = new Set<string>();
  for (const name of names.keys()) {
    const device = state.devices.get(name);
    if (device === undefined) continue;
    if (!files.has(device.file)) edits.push(device.fileEdits);
    files.add(device.file);
    edits.push(device.edits);
  }
  const deviceNodes = await Promise.all(edits.flatMap((one) => one.deviceNodes).map(findDeviceNode));
  return { edits, deviceNodes };
}

/** Each name once, with the field that asks for it first. */
function wantedDevices({ cdiDevices, annotations }: Request): Map<string, string> {
  const wanted = new Map<string, string>();
  const add = (name: string, field: string) => {
    if (parseCdiName(name) === undefined)
      throw new Fault("invalid", `${field}: "${name}" is not of the form vendor.com/class=device`);
    if (!wanted.has(name)) wanted.set(name, field);
  };
  for (const [index, name] of cdiDevices.entries()) add(name, `config.CDI_devices[${index}]`);
  for (const key of Object.keys(annotations).sort())
    if (key.startsWith(annotationPrefix))
      for (const name of annotations[key]?.split(",") ?? []) add(name, `config.annotations["${key}"]`);
  return wanted;
}

function requireAll(
  names: ReadonlyMap<string, string>,
  { devices, problems }: CdiState,
  directories: readonly string[],
): void {
  const missing = [...names].filter(([name]) => !devices.has(name));
  const [first] = missing;
  if (first === undefined) return;
  const asked = missing.map(([name]) => name).join(", ");
  const searched =
    directories.length === 0 ? "cdi.directories is empty" : `searched ${directories.join(", ")}`;
  const unused = problems.map(({ path, why }) => `${path}: ${why}`).join("; ");
  throw new Fault("notFound", `${first[1]}: there is no CDI device ${asked} (${searched})`, {
    ...(unused === "" ? {} : { cause: new Error(`not used: ${unused}`) }),
    hint: similarDevices(first[0], devices),
  });
}

function similarDevices(name: string, devices: CdiState["devices"]): string {
  const kind = name.slice(0, name.indexOf("="));
  const same = [...devices.keys()].filter((one) => one.startsWith(`${kind}=`));
  if (same.length > 0) return `of ${kind} there is ${same.slice(0, 10).join(", ")}`;
  return "the device's driver or plugin writes the file; berth doctor cdi shows what is there";
}

/** CDI's own rule: type and number say it all, else the node's device does. */
async function findDeviceNode(node: CdiDeviceNode): Promise<FoundCdiDevice> {
  const { path, major, minor, permissions = "" } = node;
  const hostPath = node.hostPath || path;
  const type = node.type === "u" ? "c" : node.type;
  const complete = type !== undefined && (type === "p" || (major ?? 0) !== 0);
  const found = await stat(hostPath, { bigint: true }).then(
    (stats) => ociDevice(stats, path),
    (cause: unknown) => {
      if (complete) return undefined;
      throw new Fault("invalid", `CDI device node ${path}: ${hostPath} can't be looked up`, { cause });
    },
  );
  if (!complete && found === undefined)
    throw new Fault("invalid", `CDI device node ${path}: ${hostPath} is no device`);
  if (!complete && type !== undefined && found?.type !== type)
    throw new Fault("invalid", `CDI device node ${path}: ${hostPath} is of type ${found?.type}, not ${type}`);
  const number = complete || (major ?? 0) !== 0 ? { major, minor } : found;
  const fileMode = node.fileMode ?? found?.fileMode;
  return {
    device: {
      path,
      type: type ?? found?.type ?? "c",
      major: number?.major ?? 0,
      minor: number?.minor ?? 0,
      ...(fileMode === undefined ? {} : { fileMode }),
      ...(node.uid === undefined ? {} : { uid: node.uid }),
      ...(node.gid === undefined ? {} : { gid: node.gid }),
    },
    access: permissions === "none" ? "" : permissions || "rwm",
  };
}
