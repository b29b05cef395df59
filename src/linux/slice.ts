import { posix } from "node:path";
import { Fault } from "../base/fault.ts";

/**
 * The cgroup path of a systemd slice: `kubepods-burstable-pod1.slice` lies at
 * `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice`, and `-.slice` is the root
 * (systemd.slice(5)).
 *
 * @throws {Fault} invalid when it is not the name of a slice
 */
export function expandSlice(slice: string): string {
  const name = slice.endsWith(".slice") ? slice.slice(0, -".slice".length) : "";
  if (name === "-") return "/";
  const parts = name.split("-");
  if (name.includes("/") || parts.includes("")) {
    throw new Fault(
      "invalid",
      `cgroup parent ${JSON.stringify(slice)}: not a systemd slice, such as a-b.slice`,
    );
  }
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("-")}.slice`).join("");
}

/**
 * The cgroup path of a slice that is named or, as a kubelet has it, given by its path: its last part says it all.
 *
 * @throws {Fault} invalid when it is not the name of a slice
 */
export function slicePath(slice: string): string {
  return expandSlice(posix.basename(slice));
}

/** The name of the slice or scope that systemd keeps as a child of a slice by its name: `a-b.slice` below `a.slice`. */
export function unitBelow(slice: string, name: string): string {
  const stem = posix.basename(slice, ".slice");
  return stem === "-" ? name : `${stem}-${name}`;
}
