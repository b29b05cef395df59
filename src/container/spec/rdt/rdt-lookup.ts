import { existsSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../../../base/fault.ts";
import type { Config, RdtClassConfig } from "../../../config/schema.ts";
import type { OciLinux } from "../../../spec/oci-runtime.ts";
import { rootClass } from "../../../spec/rdt-file.ts";
import type { WantedClass } from "../resource-class.ts";
import { applyRdtFile, resctrlRoot } from "./rdt-groups.ts";

/**
 * The resctrl group of the container's RDT class; undefined: it has none, or everything's. The groups of a file's classes are made
 * here; of a class of the settings, the OCI runtime makes the group when they say what is in it, others have been made on the node.
 *
 * @param root where the resctrl file system is mounted
 * @throws {Fault} invalid for a class that there is not, or not for who asks; wrongState for a node without resctrl, or without the
 * group, and for a file that can't be used
 */
export async function findRdt(
  wanted: WantedClass | undefined,
  { file, classes }: Config["rdt"],
  root = resctrlRoot,
): Promise<OciLinux["intelRdt"]> {
  if (wanted === undefined) return undefined;
  const { name, from } = wanted;
  const own = Object.hasOwn(classes, name) ? classes[name] : undefined;
  if (own === undefined && file === "")
    throw unknown(wanted, "the setting rdt.classes", Object.keys(classes));
  if (!existsSync(join(root, "schemata")))
    throw new Fault(
      "wrongState",
      `${from}: RDT class "${name}" needs resctrl, which this node has not at ${root}`,
      {
        hint: "where the processor has it: mount -t resctrl resctrl /sys/fs/resctrl",
      },
    );
  return own === undefined ? await ofFile(wanted, file, root) : ofSettings(wanted, own, root);
}

function unknown({ name, from }: WantedClass, where: string, known: readonly string[]): Fault {
  const there = known.length === 0 ? "it is empty" : `it has ${known.join(", ")}`;
  return new Fault("invalid", `${from}: RDT class "${name}" is not in ${where}; ${there}`);
}

async function ofFile(wanted: WantedClass, file: string, root: string): Promise<OciLinux["intelRdt"]> {
  const { name, from, by } = wanted;
  const { classes } = await applyRdtFile(file, root);
  const found = classes.get(name);
  if (found === undefined) throw unknown(wanted, file, [...classes.keys()]);
  if ((by === "pod" && found.deniesPods) || (by === "container" && found.deniesContainers))
    throw new Fault("invalid", `${from}: RDT class "${name}" is not for ${by}s to ask for, by ${file}`);
  return name === rootClass ? undefined : { closID: name };
}

function ofSettings(
  { name, from }: WantedClass,
  { l3, memoryBandwidth }: RdtClassConfig,
  root: string,
): OciLinux["intelRdt"] {
  const isMade = l3 !== "" || memoryBandwidth !== "";
  if (!isMade && !existsSync(join(root, name)))
    throw new Fault(
      "wrongState",
      `${from}: RDT class "${name}" has no group ${join(root, name)} on this node`,
      {
        hint: `make it, or say in rdt.classes.${name} what is in it`,
      },
    );
  return {
    closID: name,
    ...(l3 === "" ? {} : { l3CacheSchema: l3 }),
    ...(memoryBandwidth === "" ? {} : { memBwSchema: memoryBandwidth }),
  };
}
