import type { Paths } from "../../config/paths.ts";
import type { ExecTemplates } from "../exec-templates.ts";
import type { RuntimeHost } from "../host.ts";
import type { StartedWithNotes } from "../started-with.ts";
import type { Handlers } from "./handlers.ts";

/** What the operations on containers work with. */
export interface ConmonParts {
  readonly host: RuntimeHost;
  readonly paths: Paths;
  readonly handlers: Handlers;
  readonly startedWith: StartedWithNotes;
  readonly execTemplates: ExecTemplates;
  /** The monitor's program, absolute. */
  readonly conmon: string;
  /** Where it may run; empty: everywhere. */
  readonly monitorCpus: string;
}
