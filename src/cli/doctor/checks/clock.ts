import { stat } from "node:fs/promises";
import type { Ms } from "../../../base/units.ts";
import { pathsOf } from "../../../config/paths.ts";
import { clockState } from "../../../linux/clock-state.ts";
import { type Finding, note, ok, problem, warning } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import type { RegistryProbe } from "../probe-registry.ts";

const second: Ms = 1000;
/** Tokens of registries and cloud APIs are refused beyond this. */
const farOff: Ms = 300 * second;
/** More than a registry's answer may be under way, and its Date header rounds. */
const somewhatOff: Ms = 30 * second;

const remedy = "set it (timedatectl set-ntp true, or chronyc makestep), then restart what failed meanwhile";
const harm = "certificates count as expired or not yet valid, tokens are refused, and logs carry wrong times";

/** The clock: against files that can't be of the future, the kernel's own word, and other hosts' answers. */
export async function checkClock({ config, registries, disksAnswer }: NodeView): Promise<Finding[]> {
  await disksAnswer();
  const now = Date.now();
  const [latest, others] = await Promise.all([latestOf([ownFile, pathsOf(config).database]), registries()]);
  const found = [...beforeItsFiles(now, latest), ...besideOthers(others)];
  const state = clockState();
  if (state !== undefined && !state.isSynchronised) {
    const why = "the kernel says so (adjtimex): it drifts, a second or so a day";
    found.push(
      note(
        "nothing keeps the clock in step",
        why,
        "apt install chrony, unless the hypervisor keeps it in step",
      ),
    );
  }
  const wrong = found.some(({ severity }) => severity === "problem" || severity === "warning");
  return wrong
    ? found
    : [ok(`${new Date(now).toISOString()}${others.length === 0 ? "" : comparedWith(others)}`), ...found];
}

/** When this very file was installed, the clock stood before now. */
const ownFile = import.meta.filename;

interface Dated {
  readonly file: string;
  readonly changed: Ms;
}

async function latestOf(files: readonly string[]): Promise<Dated | undefined> {
  const dated = await Promise.all(
    files.map(async (file) => ({ file, changed: (await stat(file).catch(() => undefined))?.mtimeMs ?? 0 })),
  );
  return dated.toSorted((a, b) => b.changed - a.changed)[0];
}

function beforeItsFiles(now: Ms, latest: Dated | undefined): Finding[] {
  if (latest === undefined || latest.changed - now < farOff) return [];
  const what = `the clock is far off: it says ${new Date(now).toISOString()}`;
  const why = `${latest.file} was written ${new Date(latest.changed).toISOString()}; ${harm}`;
  return [problem(what, why, remedy)];
}

/** Registries tell their time in every answer. Several that agree are right; one alone may be wrong itself. */
function besideOthers(probes: readonly RegistryProbe[]): Finding[] {
  const offsets = probes.flatMap(({ hosts }) =>
    hosts.flatMap(({ base, clockOffset }) => (clockOffset === undefined ? [] : [{ base, clockOffset }])),
  );
  return offsets
    .filter(({ clockOffset }) => Math.abs(clockOffset) > somewhatOff)
    .map(({ base, clockOffset }) => {
      const way = clockOffset > 0 ? "behind" : "ahead of";
      const what = `the clock is ${spoken(Math.abs(clockOffset))} ${way} that of ${base}`;
      const agree = offsets.filter((other) => Math.abs(other.clockOffset) <= somewhatOff).length;
      const why = agree === 0 ? harm : `${agree} other registries agree with this node; else ${harm}`;
      return Math.abs(clockOffset) > farOff && agree === 0
        ? problem(what, why, remedy)
        : warning(what, why, remedy);
    });
}

function comparedWith(probes: readonly RegistryProbe[]): string {
  const told = probes.flatMap(({ hosts }) => hosts).filter(({ clockOffset }) => clockOffset !== undefined);
  return told.length === 0
    ? ""
    : `, as ${told.length === 1 ? told[0]?.base : `${told.length} registries`} says`;
}

function spoken(ms: Ms): string {
  const seconds = Math.round(ms / second);
  const steps: readonly [number, string][] = [
    [86_400, "day"],
    [3600, "hour"],
    [60, "minute"],
  ];
  const [size, unit] = steps.find(([size]) => seconds >= size) ?? [1, "second"];
  const count = Math.round(seconds / size);
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
