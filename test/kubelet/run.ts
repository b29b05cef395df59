/**
 * A real kubelet on berth, for each OCI runtime: pods that use what it can do, its own pages, the daemon killed and replaced
 * below it, a full disk and full memory. Prints what was looked for and seen, what in the kubelet's log complains, and
 * ends with 1 unless all is well. `docs/kubelet.md` tells of it.
 */
import { readFileSync } from "node:fs";
import { assertNoLeaks } from "../harness/leaks.ts";
import { CheckTable, expect } from "./check-table.ts";
import { complaints, type KnownLine, knownLines, linesWithoutRuntime } from "./complaints.ts";
import type { KubeletOptions } from "./kubelet.ts";
import { checkEnds, checkLives } from "./lives.ts";
import { TestNode } from "./node.ts";
import { checkPages } from "./pages.ts";
import { checkPressure } from "./pressure.ts";
import { checkSurvival } from "./survives.ts";

const [program = ""] = process.argv.slice(2);

/** Small files of logs, looked at often; gates as in `EventedPLEG=true,PodAndContainerStatsFromCRI=true`. */
const settings = {
  featureGates: gatesOf(process.env.GATES),
  containerLogMaxSize: "16Ki",
  containerLogMaxFiles: 3,
  containerLogMonitorInterval: "3s",
  evictionHard: { "memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "5%" },
};

for (const runtime of runtimesOf(process.env.RUNTIME)) {
  process.stdout.write(`\n=== a kubelet with ${runtime} ===\n`);
  const table = await runWith(runtime);
  process.stdout.write(`\n${table}\n\n${table.failed} failed\n`);
  if (table.failed > 0) process.exitCode = 1;
}

function runtimesOf(asked = ""): readonly ("runc" | "crun")[] {
  if (asked === "") return ["crun", "runc"];
  if (asked === "runc" || asked === "crun") return [asked];
  throw new Error(`RUNTIME is "${asked}": it may be runc or crun, or left out for both`);
}

function gatesOf(asked = ""): Record<string, boolean> {
  const terms = asked.split(",").filter((term) => term !== "");
  return Object.fromEntries(terms.map((term) => [term.split("=")[0], term.endsWith("=true")]));
}

async function runWith(runtime: "runc" | "crun"): Promise<CheckTable> {
  const table = new CheckTable();
  await using node = await TestNode.start(runtime);
  const { kubelet, endpoint } = node;
  const judge = (when: string, log: string, known: readonly KnownLine[]) =>
    table.eventually(`the kubelet's log complains of nothing unknown, ${when}`, 0, () => {
      const found = complaints(log, known, node.daemon.workspace.cgroupParent);
      return expect(found.length === 0, found.length === 0 ? "no line" : found.join("\n        "));
    });
  const started: KubeletOptions = { program, endpoint, settings };
  await kubelet.start(started);
  await checkLives(node, table);
  await checkPages(node, table);
  const calm = kubelet.log().length;
  await judge("while berth runs", kubelet.log().slice(0, calm), knownLines);
  await checkSurvival(node, table, async () => {
    await kubelet.stop();
    await kubelet.start(started);
  });
  const survived = kubelet.log().length;
  await judge("while berth is killed", kubelet.log().slice(calm, survived), [
    ...knownLines,
    ...linesWithoutRuntime,
  ]);
  await checkEnds(node, table);
  await checkPressure(node, table, started);
  await judge("to the end", kubelet.log().slice(survived), knownLines);
  await kubelet.stop();
  await kubelet.removeGroups();
  await table.eventually("nothing is left on the host", 0, async () => {
    await assertNoLeaks(node.daemon);
    return "no mount, cgroup, process, lease, rule, link";
  });
  if (process.env.KUBELET_LOG) await keep(process.env.KUBELET_LOG, kubelet.logFile, node.daemon.logFile);
  return table;
}

async function keep(path: string, ...files: readonly string[]): Promise<void> {
  const { writeFile } = await import("node:fs/promises");
  await writeFile(path, files.map((file) => `=== ${file}\n${readFileSync(file, "utf8")}`).join("\n"));
}
