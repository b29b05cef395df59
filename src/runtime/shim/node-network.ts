/**
 * Why the pods of a shim that says it is `version` can't be in the node's network. Kata's in Rust hands its guest every interface that it
 * finds where the machine runs, once more when a container starts: in the node's network it would take the node's own.
 */
export function nodeNetworkProblem(version: string): string | undefined {
  return /^Kata Containers containerd shim \(Rust\)/.test(version)
    ? "Kata's shim in Rust would give the node's interfaces to the pod's virtual machine"
    : undefined;
}
