import * as v from "valibot";
import { Fault } from "../../base/fault.ts";
import { schemaIssue } from "../schema-issue.ts";
import { type CdiEdits, type CdiSpec, cdiDocumentSchema } from "./format.ts";
import { requireCdiVersion } from "./version.ts";

/**
 * Reads a CDI file, parsed from JSON or YAML.
 *
 * @throws {Fault} corrupt naming the first field that is wrong or not known; what is newer than the file's version;
 *   or the device that is there twice or does nothing
 */
export function parseCdiSpec(value: unknown): CdiSpec {
  const result = v.safeParse(cdiDocumentSchema, value, { abortEarly: true });
  if (!result.success) throw new Fault("corrupt", schemaIssue(result.issues));
  const { kind, devices, containerEdits } = result.output;
  requireCdiVersion(result.output);
  const names = new Set<string>();
  for (const { name, containerEdits: own } of devices) {
    if (names.has(name)) throw new Fault("corrupt", `device "${name}" is there twice`);
    names.add(name);
    if (isEmpty(own)) throw new Fault("corrupt", `device "${name}" has no containerEdits`);
  }
  for (const { netDevices } of [containerEdits, ...devices.map((device) => device.containerEdits)])
    requireDistinct(netDevices);
  return { kind, devices, containerEdits };
}

function isEmpty({ intelRdt, ...lists }: CdiEdits): boolean {
  return intelRdt === undefined && Object.values(lists).every((items) => items.length === 0);
}

function requireDistinct(interfaces: CdiEdits["netDevices"]): void {
  for (const field of ["hostInterfaceName", "name"] as const) {
    const names = interfaces.map((one) => one[field]);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new Fault("corrupt", `netDevices: ${field} "${twice}" is there twice`);
  }
}
