/**
 * Runs a command in a guest with a kernel of its own, see docs/guest.md:
 *
 *     node test/guest/run.ts [options] -- node --test 'src/snapshot/*.test.ts'
 *
 * It prints what the command prints and ends with its exit code.
 */
import { parseArgs } from "node:util";
import { Guest, type GuestOptions, guestDefaults } from "./guest.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** systemd or minimal. */
    init: { type: "string", default: guestDefaults.init },
    /** node or tests: what is installed. */
    contents: { type: "string", default: guestDefaults.contents },
    /** In MiB. */
    memory: { type: "string", default: String(guestDefaults.memoryMiB) },
    /** In MiB, an empty disk: /dev/vdc and on. */
    disk: { type: "string", multiple: true, default: [] },
    /** More for the kernel's command line. */
    append: { type: "string", default: guestDefaults.kernelArguments },
    /** A directory, copied to /files. */
    files: { type: "string" },
    /** Minutes without any output after which the guest counts as hanging. */
    silence: { type: "string", default: String(guestDefaults.silenceMs / 60_000) },
    /** A shell instead of a command. */
    shell: { type: "boolean", default: false },
  },
});

const options: GuestOptions = {
  init: oneOf("--init", values.init, ["systemd", "minimal"]),
  contents: oneOf("--contents", values.contents, ["node", "tests"]),
  memoryMiB: Number(values.memory),
  disks: values.disk.map((mebibytes) => Number(mebibytes) * 2 ** 20),
  kernelArguments: values.append,
  files: values.files,
  silenceMs: Number(values.silence) * 60_000,
};

process.once("SIGINT", () => process.exit(130)).once("SIGTERM", () => process.exit(143));
if (values.shell) await Guest.shell(options);
else process.exitCode = await runIn(options, positionals.map(quoted).join(" "));

async function runIn(options: GuestOptions, commandLine: string): Promise<number> {
  const begun = performance.now();
  await using guest = await Guest.start(options);
  process.stderr.write(`guest: up after ${((performance.now() - begun) / 1000).toFixed(1)} s\n`);
  return await guest.run(commandLine, (text) => process.stdout.write(text));
}

function oneOf<T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new Error(`${option} is "${value}": it may be ${allowed.join(" or ")}`);
  return found;
}

/** For the guest's shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
