import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../../../base/fault.ts";
import type { Bytes } from "../../../base/units.ts";
import { systemFault } from "../../../linux/libc.ts";
import { parseRdtFile, type RdtFile, rootClass } from "../../../spec/rdt-file.ts";
import { readBoundedFile } from "../bounded-file.ts";
import { readResctrlInfo } from "./resctrl-info.ts";
import { schemataOf } from "./schemata.ts";

export const resctrlRoot = "/sys/fs/resctrl";

const maxFile: Bytes = 1024 * 1024;

/**
 * Gives the groups of all classes of a file what it says, and makes those that are missing. One of an earlier version of the file stays:
 * something may be in it.
 *
 * @throws {Fault} wrongState for a file that can't be used, or groups that the kernel does not make
 */
export async function applyRdtFile(file: string, root = resctrlRoot): Promise<RdtFile> {
  try {
    const { parse } = await import("../../../spec/yaml.ts");
    const read = parseRdtFile(parse(await readBoundedFile(file, maxFile, file), { logLevel: "error" }));
    for (const [name, schemata] of schemataOf(read, await readResctrlInfo(root))) {
      const group = name === rootClass ? root : join(root, name);
      if (!existsSync(group)) await makeGroup(group);
      if (schemata !== "") await writeSchemata(group, schemata);
    }
    return read;
  } catch (cause) {
    throw new Fault("wrongState", `the file of RDT classes ${file} can't be used`, {
      cause,
      hint: "the setting rdt.file names it",
    });
  }
}

async function makeGroup(group: string): Promise<void> {
  try {
    await mkdir(group);
  } catch (error) {
    // ENOSPC: the processors tell no more groups apart (info/*/num_closids)
    throw systemFault(`making the group ${group}`, error);
  }
}

async function writeSchemata(group: string, schemata: string): Promise<void> {
  try {
    await writeFile(join(group, "schemata"), schemata);
  } catch (error) {
    throw systemFault(`writing ${JSON.stringify(schemata)} to ${join(group, "schemata")}`, error);
  }
}
