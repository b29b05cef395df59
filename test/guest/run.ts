/**
 * Runs a command in a guest with a kernel of its own, see docs/guest.md:
 *
 *     node test/guest/run.ts [options] -- node --test 'src/snapshot/*.test.ts'
 *
 * It prints what the command prints and ends with its exit code.
 */
import { parseArgs } from "node:util";
import { Guest, type GuestOptions } from "./guest.ts";
import { guestFlags, guestOptions, quoted } from "./options.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...guestFlags,
    /** A shell instead of a command. */
    shell: { type: "boolean", default: false },
  },
});
const options = guestOptions(values);

process.once("SIGINT", () => process.exit(130)).once("SIGTERM", () => process.exit(143));
if (values.shell) await Guest.shell(options);
else process.exitCode = await runIn(options, positionals.map(quoted).join(" "));

async function runIn(options: GuestOptions, commandLine: string): Promise<number> {
  const begun = performance.now();
  await using guest = await Guest.start(options);
  process.stderr.write(`guest: up after ${((performance.now() - begun) / 1000).toFixed(1)} s\n`);
  return await guest.run(commandLine, (text) => process.stdout.write(text));
}
