import type { Config } from "../../config/schema.ts";
import { infoValues } from "../info-values.ts";
import { toldSnapshotters } from "../told-snapshotters.ts";
import type { BerthView } from "./daemon-view.ts";
import { type Finding, ok, problem } from "./finding.ts";

/** What the daemon found when it tried its snapshotters out. */
export function judgeSnapshotters({ status }: BerthView, { runtime }: Pick<Config, "runtime">): Finding[] {
  return toldSnapshotters(infoValues(status.info).snapshotters).map(
    ({ name, directory, problem: why }, index) => {
      const usual = index === 0 ? " (usual)" : "";
      if (why === undefined) return ok(`snapshotter ${name}${usual} works in ${directory}`);
      const users = Object.entries(runtime.handlers)
        .filter(([, { snapshotter }]) => snapshotter === name || (snapshotter === "" && index === 0))
        .map(([handler]) => handler);
      return problem(
        `snapshotter ${name}${usual} does not work: ${why}`,
        `images can't be unpacked for pods of ${users.join(", ")}, nor their containers made`,
        "docs/snapshotters.md says what it needs; it is tried again every 10 s",
      );
    },
  );
}
