import { existsSync } from "node:fs";
import { glob, realpath, stat } from "node:fs/promises";
import { Fault } from "../../base/fault.ts";
import { type BlockIoParameters, parseBlockIoFile } from "../../spec/blockio-file.ts";
import type { OciBlockIo, OciDevice } from "../../spec/oci-runtime.ts";
import { readBoundedFile } from "./bounded-file.ts";
import { ociDevice } from "./device-lookup.ts";
import type { WantedClass } from "./resource-class.ts";

const maxFile = 1024 * 1024;

/**
 * What the container's class of block I/O says, for the devices that the node has now; undefined: it has none.
 *
 * @param file of the classes; empty: there are none
 * @throws {Fault} invalid for a class that there is not; wrongState for a file that can't be used
 */
export async function findBlockIo(
  wanted: WantedClass | undefined,
  file: string,
): Promise<OciBlockIo | undefined> {
  if (wanted === undefined) return undefined;
  const { name, from } = wanted;
  if (file === "")
    throw new Fault(
      "invalid",
      `${from}: block I/O class "${name}" is asked for, but this node has no classes`,
      {
        hint: "the setting blockio.file names the file of classes",
      },
    );
  const classes = await readClasses(file);
  const parameters = classes.get(name);
  if (parameters === undefined) {
    const known = [...classes.keys()].join(", ");
    throw new Fault("invalid", `${from}: ${file} has no block I/O class "${name}"; it has ${known}`);
  }
  return await joined(parameters);
}

async function readClasses(file: string): Promise<ReturnType<typeof parseBlockIoFile>> {
  const { parse } = await import("../../spec/yaml.ts");
  try {
    return parseBlockIoFile(parse(await readBoundedFile(file, maxFile, file), { logLevel: "error" }));
  } catch (cause) {
    throw new Fault("wrongState", `the file of block I/O classes ${file} can't be used`, {
      cause,
      hint: "the setting blockio.file names it",
    });
  }
}

const throttles = {
  ThrottleReadBps: "throttleReadBpsDevice",
  ThrottleWriteBps: "throttleWriteBpsDevice",
  ThrottleReadIOPS: "throttleReadIOPSDevice",
  ThrottleWriteIOPS: "throttleWriteIOPSDevice",
} as const;

async function joined(all: readonly BlockIoParameters[]): Promise<OciBlockIo> {
  const blockIo: OciBlockIo = {};
  for (const one of all) {
    if (one.Devices === undefined) {
      if (one.Weight !== undefined) blockIo.weight = one.Weight;
      continue;
    }
    for (const { major, minor } of await disksAt(one.Devices)) {
      const others = <Entry extends { major: number; minor: number }>(list: readonly Entry[] = []) =>
        list.filter((entry) => entry.major !== major || entry.minor !== minor);
      if (one.Weight !== undefined)
        blockIo.weightDevice = [...others(blockIo.weightDevice), { major, minor, weight: one.Weight }];
      for (const [key, field] of Object.entries(throttles) as [keyof typeof throttles, keyof OciBlockIo][]) {
        const rate = one[key];
        if (rate === undefined) continue;
        const entries = blockIo[field] as { major: number; minor: number; rate: number }[] | undefined;
        Object.assign(blockIo, { [field]: [...others(entries), { major, minor, rate }] });
      }
    }
  }
  return blockIo;
}

/** The block devices at paths that fit, links resolved. Partitions have no bandwidth of their own. */
async function disksAt(patterns: readonly string[]): Promise<OciDevice[]> {
  const found = new Map<string, OciDevice>();
  for (const pattern of patterns) {
    for await (const path of glob(pattern)) {
      const real = await realpath(path).catch(() => undefined);
      const device = real === undefined ? undefined : ociDevice(await stat(real, { bigint: true }), real);
      if (device?.type !== "b") continue;
      const number = `${device.major}:${device.minor}`;
      if (!existsSync(`/sys/dev/block/${number}/partition`)) found.set(number, device);
    }
  }
  return [...found.values()];
}
