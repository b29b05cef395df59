import type { Logger } from "pino";
import type { Paths } from "../../config/paths.ts";
import type { Cgroups, Files, Mounts, Processes } from "../../linux/contract.ts";
import type { Launcher } from "../../linux/launcher.ts";
import type { ExecTemplates } from "./exec-templates.ts";
import type { Handlers } from "./handlers.ts";

/** What the host gives. */
export interface RuntimeHost {
  readonly processes: Processes;
  readonly launcher: Launcher;
  readonly files: Files;
  readonly cgroups: Cgroups;
  readonly mounts: Mounts;
  readonly log: Logger;
}

/** What the operations on containers work with. */
export interface ConmonParts {
  readonly host: RuntimeHost;
  readonly paths: Paths;
  readonly handlers: Handlers;
  readonly execTemplates: ExecTemplates;
  /** The monitor's program, absolute. */
  readonly conmon: string;
}
