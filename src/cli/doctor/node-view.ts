import type { Origins } from "../../config/merge.ts";
import type { Config } from "../../config/schema.ts";
import type { DaemonView } from "./daemon-view.ts";
import type { RegistryProbe } from "./probe-registry.ts";

/** What every check may look at besides the host itself. Nothing in it needs the daemon. */
export interface NodeView {
  /** The settings; what is mistaken in the files counts as not set. */
  readonly config: Config;
  readonly origins: Origins;
  /** The files that the settings came from. */
  readonly files: readonly string[];
  /** A line for each mistake in them. */
  readonly mistakes: readonly string[];
  readonly daemon: DaemonView;
  /**
   * Resolves when the file systems of berth's directories answer. Whoever looks there waits for it first: one that never
   * does holds a thread of the pool for each call, and the whole process in a synchronous one.
   */
  readonly disksAnswer: () => Promise<void>;
  /** Asks every configured registry, and those of the command line, once for all checks. */
  readonly registries: () => Promise<readonly RegistryProbe[]>;
}
