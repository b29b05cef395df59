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
