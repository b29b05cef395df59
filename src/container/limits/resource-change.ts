import type { NriAdjustment } from "../../nri/contract.ts";
import { namesOfCri } from "../../nri/cri-resources.ts";
import type { LinuxResources } from "../../spec/cri/resources.ts";
import type { ContainerRecord } from "../state.ts";

/** What a container is to be given besides what it has. */
export interface ResourceChange {
  readonly resources: LinuxResources;
  /** Which NRI plugin asks for what of it, both in words; what is not in it the caller has asked for. */
  readonly owners?: NriAdjustment["owners"];
}

/** The record with who has set what is changed: whoever had set it before no longer has. */
export function withOwners(
  record: ContainerRecord,
  { resources, owners = {} }: ResourceChange,
): ContainerRecord {
  const changed = namesOfCri(resources);
  const before = Object.entries(record.adjustedBy ?? {}).filter(([name]) => !changed.includes(name));
  const set = Object.entries(owners).filter(([name]) => changed.includes(name));
  const { adjustedBy: _, ...rest } = record;
  const adjustedBy = Object.fromEntries([...before, ...set]);
  return Object.keys(adjustedBy).length === 0 ? rest : { ...rest, adjustedBy };
}
