import type { HandlerProbe } from "../contract.ts";

/** What of Kata's shim in Rust berth has to keep away from: by what a shim says its version is. */
function isKataInRust(version: string): boolean {
  return /^Kata Containers containerd shim \(Rust\)/.test(version);
}

/**
 * Why the pods of a shim that says it is `version` can't be in the node's network. Kata's in Rust hands its guest every interface that it
 * finds where the machine runs, once more when a container starts: in the node's network it would take the node's own.
 */
export function nodeNetworkProblem(version: string): string | undefined {
  return isKataInRust(version)
    ? "Kata's shim in Rust would give the node's interfaces to the pod's virtual machine"
    : undefined;
}

/**
 * Why its pods' sandboxes can't be made so. Kata's in Rust removes what it shares with the machine as soon as a sandbox container ends, with
 * what is still mounted there, before it could be looked at (docs/decisions/0453).
 */
export function sandboxerProblem(version: string, sandboxer: HandlerProbe["sandboxer"]): string | undefined {
  return isKataInRust(version) && sandboxer !== "shim"
    ? 'without sandboxer = "shim" Kata\'s shim in Rust may empty the volumes of a container that was never started'
    : undefined;
}
