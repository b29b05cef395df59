import type { ApiNode } from "../parts.ts";

/** CRI-O's GET /info, of which cAdvisor learns on which file system images and containers are. */
export function crioInfo({ storage, facts }: Pick<ApiNode, "storage" | "facts">) {
  return {
    storage_driver: storage.snapshotters.usual,
    storage_image: storage.root, // without it, the kubelet complains that it finds no file system of containers
    storage_root: storage.root,
    cgroup_driver: facts.config.cgroup.driver,
  };
}
