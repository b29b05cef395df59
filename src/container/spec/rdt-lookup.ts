import { existsSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../../base/fault.ts";
import type { Config } from "../../config/schema.ts";
import type { OciLinux } from "../../spec/oci-runtime.ts";
import type { WantedClass } from "./resource-class.ts";

/**
 * The resctrl group of the container's RDT class; undefined: it has none. The OCI runtime makes the group of a class whose
 * settings say what is in it; others have been made on the node.
 *
 * @param root where the resctrl file system is mounted
 * @throws {Fault} invalid for a class that is not in the settings; wrongState for a node without resctrl, or without the group
 */
export function findRdt(
  wanted: WantedClass | undefined,
  classes: Config["rdt"]["classes"],
  root = "/sys/fs/resctrl",
): OciLinux["intelRdt"] {
  if (wanted === undefined) return undefined;
  const { name, from } = wanted;
  const found = Object.hasOwn(classes, name) ? classes[name] : undefined;
  if (found === undefined) {
    const known = Object.keys(classes);
    const there = known.length === 0 ? "it is empty" : `it has ${known.join(", ")}`;
    throw new Fault("invalid", `${from}: RDT class "${name}" is not in the setting rdt.classes; ${there}`);
  }
  if (!existsSync(join(root, "schemata")))
    throw new Fault(
      "wrongState",
      `${from}: RDT class "${name}" needs resctrl, which this node has not at ${root}`,
      {
        hint: "where the processor has it: mount -t resctrl resctrl /sys/fs/resctrl",
      },
    );
  const { l3, memoryBandwidth } = found;
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
