import { readFileSync } from "node:fs";
import { type Finding, note, ok, problem, warning } from "../finding.ts";
import { readKubelet } from "../kubelet.ts";

/** The kubelet evicts pods below 100 MiB (`memory.available`). */
const evictionKiB = 100 * 1024;
const littleFree = 0.05;
/** Percent of a minute in which every task waited for memory. */
const muchPressure = 10;

/** Figures of /proc that memory is judged by. */
export interface MemoryFigures {
  /** KiB, by their names in /proc/meminfo. */
  readonly meminfo: ReadonlyMap<string, number>;
  /** `full avg60` of /proc/pressure/memory, in percent; undefined where the kernel does not tell. */
  readonly fullPressure: number | undefined;
  /** Processes that the kernel killed for memory since boot. */
  readonly oomKills: number;
  /** True when a kubelet is set up that refuses to run with swap. */
  readonly refusesSwap: boolean;
}

/** Free memory, how long tasks wait for it, what was killed for it, and swap. */
export async function checkMemory(): Promise<Finding[]> {
  const kubelet = readKubelet();
  return judgeMemory({
    meminfo: figures("/proc/meminfo"),
    fullPressure: pressure(),
    oomKills: figures("/proc/vmstat").get("oom_kill") ?? 0,
    refusesSwap: kubelet.file !== undefined && kubelet.failsOnSwap,
  });
}

export function judgeMemory({ meminfo, fullPressure, oomKills, refusesSwap }: MemoryFigures): Finding[] {
  const total = meminfo.get("MemTotal") ?? 0;
  const free = meminfo.get("MemAvailable") ?? 0;
  const swap = meminfo.get("SwapTotal") ?? 0;
  const shown = `${mebibytes(free)} of ${mebibytes(total)} MiB of memory are available`;
  const remedy = "berth ps and berth stats show who uses it; set memory limits, or move pods to other nodes";
  const found: Finding[] = [];
  if (free < evictionKiB) found.push(problem(shown, "the kubelet evicts pods below 100 MiB", remedy));
  else if (free < total * littleFree) found.push(warning(shown, "the kernel soon kills for memory", remedy));
  else found.push(ok(shown));
  if (fullPressure !== undefined && fullPressure > muchPressure) {
    const why = `in the last minute every task waited for memory ${fullPressure} % of the time`;
    found.push(warning("memory is under pressure", why, remedy));
  }
  if (oomKills > 0) {
    const remedy = "journalctl -k | grep -i 'out of memory' names them";
    found.push(
      note(
        `${oomKills === 1 ? "1 process was" : `${oomKills} processes were`} killed for memory since boot`,
        "in pods with a limit that is usual",
        remedy,
      ),
    );
  }
  if (swap > 0) found.push(onSwap(swap, refusesSwap));
  return found;
}

function onSwap(swap: number, refusesSwap: boolean): Finding {
  const what = `swap is on: ${mebibytes(swap)} MiB`;
  if (!refusesSwap) return note(what);
  const remedy = "swapoff -a (and out of /etc/fstab), or failSwapOn: false in the kubelet's configuration";
  return warning(what, "the kubelet of this node refuses to start with it", remedy);
}

function mebibytes(kibibytes: number): number {
  return Math.round(kibibytes / 1024);
}

/** Names and numbers of a file with one of each a line. */
function figures(file: string): Map<string, number> {
  const rows = readFileSync(file, "latin1").matchAll(/^(\w+):?\s+(\d+)/gm);
  return new Map([...rows].map(([, name = "", value]) => [name, Number(value)]));
}

function pressure(): number | undefined {
  try {
    const said = /^full .*avg60=([\d.]+)/m.exec(readFileSync("/proc/pressure/memory", "latin1"))?.[1];
    return said === undefined ? undefined : Number(said);
  } catch {
    return undefined; // built without, or switched off
  }
}
