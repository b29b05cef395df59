import { setTimeout as sleep } from "node:timers/promises";
import type { Ms } from "../base/units.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { Define } from "./context.ts";
import { findLeaks } from "./doctor/leaks/find-leaks.ts";
import type { Leak } from "./doctor/leaks/leak.ts";
import { addManual } from "./help/manual.ts";
import { addOutput, type OutputOptions } from "./options.ts";
import { print } from "./output/print.ts";
import { table } from "./output/table.ts";
import { UsageError } from "./usage-error.ts";

interface DoctorOptions extends OutputOptions {
  readonly leaks?: boolean;
  readonly config?: string;
}

/** Between two looks at the host: what is only passing by has gone by then. */
const secondLookAfter: Ms = 500;

/** `berth doctor --leaks`: compares the records with what is on the host. Works whether or not the daemon runs. */
export const defineDoctor: Define = (command, context) => {
  addManual(command, {
    description: "Looks for what is wrong on this node, whether or not the daemon runs.",
    examples: [["berth doctor --leaks", "Compare the daemon's records with what is on the host."]],
  });
  addOutput(command)
    .option("--config <file>", "berth's configuration file")
    .option("--leaks", "look for what no record accounts for")
    .action(async () => {
      const options: DoctorOptions = command.optsWithGlobals();
      if (!options.leaks) throw new UsageError("say what to look for: berth doctor --leaks");
      const leaks = await lastingLeaks(loadConfig({ config: options.config }).config);
      print(options.output, { leaks }, () => leaksText(leaks));
      if (leaks.length > 0) context.exitWith(1);
    });
};

/** What two looks both found: the daemon may be at work between reading its records and looking at the host. */
async function lastingLeaks(config: Config): Promise<Leak[]> {
  const first = await findLeaks(config);
  if (first.length === 0) return [];
  await sleep(secondLookAfter);
  const before = new Set(first.map(identity));
  return (await findLeaks(config)).filter((leak) => before.has(identity(leak)));
}

function identity({ what, where }: Leak): string {
  return `${what} ${where}`;
}

function leaksText(leaks: readonly Leak[]): string {
  if (leaks.length === 0) return "nothing leaked\n";
  const rows = leaks.map(({ what, where, why, remedy }) => [what, where, why, remedy]);
  return `${table(["LEAKED", "WHERE", "WHY", "REMOVE WITH"], rows)}\n${leaks.length} leaked\n`;
}
