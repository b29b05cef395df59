import type { Logger } from "pino";
import type { KeyedLocks } from "../../base/lock.ts";
import type { Config } from "../../config/schema.ts";
import type { Namespaces } from "../../linux/contract.ts";
import type { AttachmentStore } from "./attachment-store.ts";
import type { ConfDirectory } from "./conf-directory.ts";
import type { PluginHost } from "./plugin.ts";
import type { PodCidrs } from "./pod-cidrs.ts";

/** What attaching and detaching work with. */
export interface CniParts {
  readonly settings: Config["network"];
  readonly store: AttachmentStore;
  readonly directory: ConfDirectory;
  readonly cidrs: PodCidrs;
  readonly host: PluginHost;
  readonly namespaces: Pick<Namespaces, "addressesWithin">;
  /**
   * Held while garbage is collected, and while an attachment is recorded: what is not yet recorded would be
   * garbage.
   */
  readonly collecting: KeyedLocks<"collecting">;
  readonly log: Logger;
}
