import type { ContainerId } from "../../base/ids.ts";
import type { Paths } from "../../config/paths.ts";
import type { MonitoredContainer } from "../contract.ts";
import { alive } from "../exits.ts";
import { readMarker } from "./marker.ts";
import { readShimRecord } from "./shim.ts";

/** A container under a shim that lives, with its shim. */
export function monitoredByShim(id: ContainerId, paths: Paths): MonitoredContainer | undefined {
  const marker = readMarker(id, paths);
  const monitor = marker && readShimRecord(marker.group, paths)?.process;
  if (monitor === undefined || marker?.init === undefined) return undefined;
  return alive(monitor) && alive(marker.init) ? { monitor, init: marker.init } : undefined;
}
