/**
 * Runs test files in guests, one guest for each processor here, and prints one report of all, see docs/guest.md:
 *
 *     node test/guest/suite.ts [options] [FILES]
 *
 * Without files: all of test/e2e, and what else suites.ts names. `--short`: its short form.
 */
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Guest, guestDefaults } from "./guest.ts";
import { guestFlags, guestOptions, quoted } from "./options.ts";
import { repository } from "./places.ts";
import { Report } from "./report.ts";
import { alsoInGuests, longest, shortForm } from "./suites.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...guestFlags,
    short: { type: "boolean", default: false },
    /** How many at once. */
    guests: { type: "string", default: String(availableParallelism()) },
  },
});
/** A test may take its time in there. */
const options = guestOptions(values, { ...guestDefaults, contents: "tests", silenceMs: 900_000 });
const command = [
  ...["env", "BERTH_TEST_ZFS_FUSE=1", "BERTH_TEST_SWAP=1"],
  "node",
  "--test-reporter=./test/guest/inside/report.ts",
  "--test-reporter-destination=stdout",
];

process.once("SIGINT", () => process.exit(130)).once("SIGTERM", () => process.exit(143));
const files = [...filesToRun()];
const report = new Report(process.stdout);
await Promise.all(Array.from({ length: Math.min(Number(values.guests), files.length) }, runFiles));
if (!(await report.end())) process.exitCode = 1;

function filesToRun(): readonly string[] {
  if (positionals.length > 0) return positionals;
  if (values.short) return shortForm;
  const all = globSync("test/e2e/*.test.ts", { cwd: repository });
  return [...new Set([...longest, ...all.sort(), ...alsoInGuests])];
}

/** Takes one file after the other. A guest that hangs or dies fails its file; another one goes on with the rest. */
async function runFiles(): Promise<void> {
  while (files.length > 0) {
    await using guest = await Guest.start(options);
    for (let file = files.shift(); file !== undefined; file = files.shift())
      if (!(await runFile(guest, file))) break;
  }
}

/** @returns whether the guest can go on */
async function runFile(guest: Guest, file: string): Promise<boolean> {
  const begun = performance.now();
  const output: Buffer[] = [];
  try {
    const code = await guest.run([...command, file].map(quoted).join(" "), (text) => output.push(text));
    report.add(file, Buffer.concat(output).toString(), code);
    process.stderr.write(`guest: ${file} took ${Math.round((performance.now() - begun) / 1000)} s\n`);
    return true;
  } catch (error) {
    report.fail(file, String(error));
    return false;
  }
}
