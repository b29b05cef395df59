import { type GuestOptions, guestDefaults } from "./guest.ts";

/** For `parseArgs`: what of a command line says what the guest is like. docs/guest.md tells of each. */
export const guestFlags = {
  machine: { type: "string" },
  init: { type: "string" },
  contents: { type: "string" },
  memory: { type: "string" },
  disk: { type: "string", multiple: true },
  append: { type: "string" },
  files: { type: "string" },
  silence: { type: "string" },
} as const;

interface GuestFlags {
  readonly machine?: string;
  readonly init?: string;
  readonly contents?: string;
  readonly memory?: string;
  readonly disk?: readonly string[];
  readonly append?: string;
  readonly files?: string;
  readonly silence?: string;
}

/** @throws for a value that there is not */
export function guestOptions(flags: GuestFlags, defaults = guestDefaults): GuestOptions {
  const { machine = defaults.machine, init = defaults.init, contents = defaults.contents } = flags;
  const { memory, disk, append, files, silence } = flags;
  return {
    machine: oneOf("--machine", machine, ["qemu", "uml"]),
    init: oneOf("--init", init, ["systemd", "minimal"]),
    contents: oneOf("--contents", contents, ["node", "tests"]),
    memoryMiB: memory === undefined ? defaults.memoryMiB : Number(memory),
    disks: disk === undefined ? defaults.disks : disk.map((mebibytes) => Number(mebibytes) * 2 ** 20),
    kernelArguments: append ?? defaults.kernelArguments,
    tree: defaults.tree,
    files,
    silenceMs: silence === undefined ? defaults.silenceMs : Number(silence) * 60_000,
  };
}

function oneOf<T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new Error(`${option} is "${value}": it may be ${allowed.join(" or ")}`);
  return found;
}

/** One word of a command line, for the guest's shell. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
