import { existsSync } from "node:fs";
import { pathsOf } from "../../../config/paths.ts";
import { lockHolder } from "../../../linux/lock-holder.ts";
import type { BerthView } from "../daemon-view.ts";
import { type Finding, note, ok, problem, warning } from "../finding.ts";
import { readRecords } from "../leaks/records.ts";
import type { NodeView } from "../node-view.ts";

/** Whether the daemon runs, and what it could not read or take away. */
export async function checkDaemon({ config, daemon, disksAnswer }: NodeView): Promise<Finding[]> {
  await disksAnswer();
  const { database, lock, socket } = pathsOf(config);
  const found =
    daemon.kind === "berth" ? answering(daemon, socket) : absent(lock, socket, existsSync(database));
  return [...found, ...strandedRecords(database)];
}

function answering({ version, pid, info }: BerthView, socket: string): Finding[] {
  const setAside = info.setAside.map(({ table, id, reason }) =>
    warning(
      `the record ${table}/${id} could not be read and was set aside`,
      reason,
      "berth doctor --leaks names what it left on the host",
    ),
  );
  const who = pid === undefined ? "" : ` (pid ${pid})`;
  return [ok(`berth ${version.runtimeVersion} answers at ${socket}${who}`), ...setAside];
}

function absent(lock: string, socket: string, hasRun: boolean): Finding[] {
  const holder = lockHolder(lock);
  if (holder !== undefined) {
    return [
      problem(
        `a berth runs (pid ${holder}), but does not answer at ${socket}`,
        `it holds the lock ${lock}`,
        `look at its log; if it does not start to serve within a minute: kill ${holder}, and start it again`,
      ),
    ];
  }
  const remedy = "berth serve (systemctl start berth where it has a unit)";
  if (!hasRun) return [note("the daemon does not run", "", remedy)];
  const why = "containers run on, but nothing is started, stopped or reported";
  return [warning("the daemon does not run", why, remedy)];
}

function strandedRecords(database: string): Finding[] {
  return [...readRecords(database).owners.values()].flatMap(({ kind, id, stranded }) =>
    stranded === undefined
      ? []
      : [
          warning(
            `${kind} ${id} could not be taken away`,
            `undoing its step "${stranded}" failed; the daemon tries again`,
            `berth inspect ${id} tells why; when that is put right: berth rm -f ${id}`,
          ),
        ],
  );
}
