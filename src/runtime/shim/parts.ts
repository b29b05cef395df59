import type { ExecTemplates } from "../exec-templates.ts";
import type { ShimExits } from "./exits.ts";
import type { HandlerParts } from "./handler-of.ts";
import type { KeeperParts } from "./keeper.ts";
import type { LostSandboxes } from "./lost-sandboxes.ts";
import type { SandboxWatch } from "./sandbox/watch.ts";
import type { Shims } from "./shims.ts";

/** What the operations on containers under shims work with. */
export interface ShimParts extends KeeperParts, HandlerParts {
  readonly shims: Shims;
  readonly exits: ShimExits;
  readonly sandboxWatch: SandboxWatch;
  readonly lostSandboxes: LostSandboxes;
  readonly execTemplates: ExecTemplates;
}
