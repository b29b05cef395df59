import type { Config } from "./schema.ts";

/** How the cgroups of pods and containers are made and named. */
export interface CgroupNaming {
  readonly driver: Config["cgroup"]["driver"];
  /** Whose they seem to be, by what their names begin with: cAdvisor takes only those of CRI-O for CRI-O's. */
  readonly owner: "berth" | "crio";
}

export function cgroupNaming({ cgroup, kubelet }: Pick<Config, "cgroup" | "kubelet">): CgroupNaming {
  return { driver: cgroup.driver, owner: kubelet.cadvisor === "crio" ? "crio" : "berth" };
}
