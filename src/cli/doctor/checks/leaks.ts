import { type Finding, ok, warning } from "../finding.ts";
import { lastingLeaks } from "../leaks/lasting-leaks.ts";
import type { NodeView } from "../node-view.ts";

/** Whether anything is left on the host that no record accounts for. */
export async function checkLeaks({ config, disksAnswer }: NodeView): Promise<Finding[]> {
  await disksAnswer();
  // What berth itself knows it could not take away is told by the daemon's check.
  const leaks = (await lastingLeaks(config)).filter(({ what }) => what !== "record");
  if (leaks.length === 0) return [ok("nothing leaked")];
  const kinds = Map.groupBy(leaks, ({ what }) => what);
  const counted = [...kinds].map(([what, those]) => `${what} ${those.length}`).join(", ");
  return [
    warning(
      `${leaks.length} leaked: ${counted}`,
      "left on the host without a record, as by a daemon that was killed; a daemon that starts takes most of it away",
      "berth doctor --leaks names each, and what removes it",
    ),
  ];
}
