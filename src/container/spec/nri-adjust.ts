import { existsSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../../base/fault.ts";
import type { Config } from "../../config/schema.ts";
import type { CdiDirectories } from "../../spec/cdi/directories.ts";
import { type OciConfig, oldestOciVersion } from "../../spec/oci-runtime.ts";
import type { ContainerAdjustment, Mount } from "../../wire/gen/nri.v1alpha1.ts";
import { findBlockIo } from "./blockio-lookup.ts";
import { withCdi } from "./cdi-edits.ts";
import { findCdi } from "./cdi-lookup.ts";
import type { HostFacts, RuntimeFeatures } from "./input.ts";
import { findHolding } from "./mount-lookup.ts";
import { withNri } from "./nri-edits.ts";
import type { NriClasses } from "./nri-linux-edits.ts";
import { findRdt } from "./rdt/rdt-lookup.ts";

/**
 * The configuration with all that NRI plugins adjust, their CDI devices first.
 *
 * @throws {Fault} invalid, notFound, unimplemented for what this host, its CDI files or the pod's runtime can't give
 */
export async function adjustByNri(
  config: OciConfig,
  adjustment: ContainerAdjustment,
  {
    host,
    cdi,
    runtime,
    settings,
  }: {
    readonly host: HostFacts;
    readonly cdi: CdiDirectories;
    readonly runtime: RuntimeFeatures;
    readonly settings: Pick<Config, "blockio" | "rdt">;
  },
): Promise<OciConfig> {
  requireAble(adjustment, runtime);
  await requirePropagation(adjustment.mounts);
  const { ociVersion: _, ...before } = config;
  const cdiDevices = adjustment.cdiDevices.map(({ name }) => name);
  const found = await findCdi({ cdiDevices, annotations: {} }, cdi);
  const classes = await findClasses(adjustment, settings);
  const after = withNri(withCdi(before, found, runtime), adjustment, classes, host);
  return { ociVersion: oldestOciVersion(after), ...after };
}

/** @throws {Fault} unimplemented, wrongState for what runtimes that can't do it, or can't do it here, pass over without a word */
function requireAble(
  { linux }: ContainerAdjustment,
  runtime: Pick<RuntimeFeatures, "networkDevices">,
  resctrl = "/sys/fs/resctrl",
): void {
  const interfaces = Object.keys(linux?.netDevices ?? {}).filter((name) => !name.startsWith("-"));
  if (interfaces.length > 0 && !runtime.networkDevices)
    throw new Fault(
      "unimplemented",
      `NRI: linux.netDevices (${interfaces.join(", ")}): the pod's OCI runtime moves no network devices`,
    );
  const { closId, schemata, enableMonitoring } = linux?.rdt ?? {};
  const isRdt = [closId, schemata, enableMonitoring].some((value) => value !== undefined);
  if (isRdt && !existsSync(join(resctrl, "schemata")))
    throw new Fault("wrongState", `NRI: linux.rdt needs resctrl, which this node has not at ${resctrl}`, {
      hint: "where the processor has it: mount -t resctrl resctrl /sys/fs/resctrl",
    });
}

/** What the classes of resources say that are asked for. @throws {Fault} invalid, wrongState */
async function findClasses(
  { linux }: ContainerAdjustment,
  { blockio, rdt }: Pick<Config, "blockio" | "rdt">,
): Promise<NriClasses> {
  const wanted = (name: string | undefined) =>
    name ? { name, from: "an NRI plugin", by: "plugin" as const } : undefined;
  const { blockioClass, rdtClass } = linux?.resources ?? {};
  return {
    blockIO: await findBlockIo(wanted(blockioClass?.value), blockio.file),
    intelRdt: await findRdt(wanted(rdtClass?.value), rdt),
  };
}

/** @throws {Fault} invalid for a source that can't spread, or take in, mounts as it should */
async function requirePropagation(mounts: readonly Mount[]): Promise<void> {
  const spreading = mounts.filter(
    ({ destination, options }) =>
      !destination.startsWith("-") && (options.includes("rshared") || options.includes("rslave")),
  );
  if (spreading.length === 0) return;
  const holding = await findHolding(spreading.map(({ source }) => source));
  for (const [index, { destination, source, options }] of spreading.entries()) {
    const propagation = holding[index]?.propagation ?? "private";
    if (options.includes("rshared") ? propagation === "shared" : propagation !== "private") continue;
    throw new Fault(
      "invalid",
      `the mount at ${destination}: ${source} lies on a mount that is ${propagation}`,
    );
  }
}
