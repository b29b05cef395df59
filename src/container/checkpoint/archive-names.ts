/**
 * What a checkpoint archive holds, as CRI-O, containerd and podman name it and checkpointctl reads it. (checkpointctl,
 * lib/metadata.go)
 */
export const archiveNames = {
  /** Which container it was, of which image; see `ContainerDump`. */
  config: "config.dump",
  /** The OCI runtime configuration that it ran with. */
  spec: "spec.dump",
  /** The CRI's status of the container, as JSON. */
  status: "status.dump",
  /** containerd's own status: times. */
  times: "status",
  /** A directory: CRIU's images. */
  images: "checkpoint",
  /** CRIU's log of the dump, and its figures. */
  dumpLog: "dump.log",
  dumpFigures: "stats-dump",
  /** What the container has changed of its image: a tar, and paths that it has deleted. */
  rootfsDiff: "rootfs-diff.tar",
  deletedFiles: "deleted.files",
  /** Where on the host its bind mounts came from. */
  bindMounts: "bind.mounts",
  /** What it had written to its log: containerd's name for it, and CRI-O's. */
  log: "container.log",
  crioLog: "io.kubernetes.cri-o.LogPath",
} as const;

/** CRI-O looks for the container's annotations in this one of `spec.dump`. */
export const crioAnnotations = "io.kubernetes.cri-o.Annotations";
