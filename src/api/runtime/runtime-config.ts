import type { Config } from "../../config/schema.ts";
import { CgroupDriver, type RuntimeConfigResponse } from "../../wire/gen/runtime.v1.ts";

/** RPC RuntimeConfig: the kubelet takes over the cgroup driver from here. */
export async function runtimeConfig({ cgroup }: Pick<Config, "cgroup">): Promise<RuntimeConfigResponse> {
  const cgroupDriver = cgroup.driver === "systemd" ? CgroupDriver.SYSTEMD : CgroupDriver.CGROUPFS;
  return { linux: { cgroupDriver } };
}
