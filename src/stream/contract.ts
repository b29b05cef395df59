import type { Duplex } from "node:stream";
import type { ContainerId, PodSandboxId } from "../base/ids.ts";
import type { CopyCall } from "../copy/contract.ts";
import type { StreamedProcess, WantedStreams } from "../runtime/contract.ts";

/** What a stream's URL stands for, checked before it is given out. */
export type StreamedCall =
  | ({ readonly kind: "exec"; readonly id: ContainerId; readonly command: readonly string[] } & WantedStreams)
  | ({ readonly kind: "attach"; readonly id: ContainerId } & WantedStreams)
  | ({ readonly kind: "copy"; readonly id: ContainerId; readonly copy: CopyCall } & WantedStreams)
  /** `ports`: those that the client named with its call, as some protocols want it; the others name one with each stream. */
  | { readonly kind: "portForward"; readonly id: PodSandboxId; readonly ports: readonly number[] };

/** What streams lead to. */
export interface StreamTargets {
  exec(
    id: ContainerId,
    command: readonly string[],
    wanted: WantedStreams,
    signal: AbortSignal,
  ): Promise<StreamedProcess>;
  attach(id: ContainerId, wanted: WantedStreams, signal: AbortSignal): Promise<StreamedProcess>;
  /** A tar of files of the container is the stdout, or one that its files are taken from the stdin. */
  copy(id: ContainerId, call: CopyCall): Promise<StreamedProcess>;
  /** A connection to a port that something in the pod listens on, at its loopback. @throws {Fault} unavailable */
  connect(id: PodSandboxId, port: number): Promise<Duplex>;
}

/** Gives out URLs that are good for one connection each, soon (CRI: Exec, Attach, PortForward). */
export interface StreamServer {
  /**
   * @throws {Fault} exhausted when too many are open, or were given out that nobody has used yet; unavailable when there is
   * no certificate that could be shown
   */
  urlFor(call: StreamedCall): string;
  /** Why streams can't be served, or will not be for long; undefined: they are. */
  problem(): string | undefined;
}
