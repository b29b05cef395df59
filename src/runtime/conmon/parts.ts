import type { Logger } from "pino";
import type { Paths } from "../../config/paths.ts";
import type { Cgroups, Processes } from "../../linux/contract.ts";
import type { Launcher } from "../../linux/launcher.ts";
import type { Handlers } from "./handlers.ts";

/** What the host gives. */
export interface RuntimeHost {
  readonly processes: Processes;
  readonly launcher: Launcher;
  readonly cgroups: Cgroups;
  readonly log: Logger;
}

/** The monitor's program. */
export interface MonitorProgram {
  /** Absolute. */
  readonly path: string;
  /** All that monitors and runtimes inherit. */
  readonly env: Readonly<Record<string, string>>;
}

/** What the operations on containers work with. */
export interface ConmonParts {
  readonly host: RuntimeHost;
  readonly paths: Paths;
  readonly handlers: Handlers;
  readonly monitor: MonitorProgram;
}
