import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The tree that is tested. */
export const repository = fileURLToPath(new URL("../..", import.meta.url));

/** Where root file systems are kept from one run to the next. */
export const cacheDirectory =
  process.env.BERTH_GUEST_CACHE ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "berth-guest");

/** Where a run puts its disks, which are large; each in a directory of its own that goes with the run. */
export const runsDirectory = process.env.TMPDIR ?? "/var/tmp";
