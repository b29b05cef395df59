import type { InfoResponse } from "../../wire/gen/berth.v1.ts";
import type { StatusResponse, VersionResponse } from "../../wire/gen/runtime.v1.ts";

/** What berth says of itself and of its node. */
export interface BerthView {
  readonly kind: "berth";
  readonly version: VersionResponse;
  readonly status: StatusResponse;
  readonly cgroupDriver: "cgroupfs" | "systemd";
  readonly info: InfoResponse;
  readonly pid: number | undefined;
}

/** What the socket shows of the daemon behind it. */
export type DaemonView =
  | BerthView
  /** Another CRI runtime answers. */
  | { readonly kind: "other"; readonly version: VersionResponse }
  /** Something takes connections, but does not answer as a CRI runtime does. */
  | { readonly kind: "silent"; readonly why: string }
  /** A socket file that nobody listens at, what is no socket, nothing at all, or what may not be asked. */
  | { readonly kind: "stale" | "notASocket" | "absent" | "forbidden" };
