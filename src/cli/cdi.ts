import { loadConfig } from "../config/load.ts";
import { CdiDirectories, type CdiState } from "../spec/cdi/directories.ts";
import type { CdiEdits } from "../spec/cdi/format.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { addOutput, type OutputOptions } from "./options.ts";
import { print } from "./output/print.ts";
import { table } from "./output/table.ts";

interface CdiOptions extends OutputOptions {
  readonly config?: string;
}

/** `berth cdi`: the CDI devices of this node. */
export const defineCdi: Define = (command) => {
  addManual(command, {
    description:
      "Lists the CDI devices that containers of this node can have, with the file that each comes from and what it gives a " +
      "container; and the files that can't be used, with what is wrong. It reads the directories of the setting " +
      "cdi.directories itself, as the daemon does for each container.",
    examples: [
      ["berth cdi", "What there is."],
      ["berth cdi -o json | jq -r '.devices[].name'", "The names alone, for a script."],
    ],
    files: [
      [
        "/etc/cdi, /var/run/cdi",
        "The usual directories; a device of the later one hides one of the same name.",
      ],
    ],
  });
  addOutput(command)
    .option("--config <file>", "berth's configuration file")
    .action(async ({ output, config }: CdiOptions) => {
      const { directories } = loadConfig({ config }).config.cdi;
      const state = await new CdiDirectories(directories).read();
      print(output, documentOf(state, directories), () => tableOf(state));
    });
};

function documentOf({ devices, problems }: CdiState, directories: readonly string[]): object {
  const listed = Array.from(devices, ([name, { file, edits, fileEdits }]) => ({
    name,
    file,
    edits,
    fileEdits,
  }));
  return { directories, devices: listed, problems };
}

function tableOf({ devices, problems }: CdiState): string {
  const rows = Array.from(devices, ([name, { file, edits, fileEdits }]) => [
    name,
    gifts([fileEdits, edits]),
    file,
  ]);
  const unused = problems.map(({ path, why }) => [path, why]);
  return [
    table(["DEVICE", "GIVES", "FILE"], rows),
    ...(unused.length === 0 ? [] : [table(["CDI FILE", "NOT USED BECAUSE"], unused)]),
  ].join("\n");
}

/** As in "/dev/card0, 2 mounts, 1 hook". */
function gifts(edits: readonly CdiEdits[]): string {
  const nodes = edits.flatMap(({ deviceNodes }) => deviceNodes.map(({ path }) => path));
  const counted = [
    ["variable", edits.flatMap(({ env }) => env).length],
    ["mount", edits.flatMap(({ mounts }) => mounts).length],
    ["hook", edits.flatMap(({ hooks }) => hooks).length],
    ["interface", edits.flatMap(({ netDevices }) => netDevices).length],
    ["group", edits.flatMap(({ additionalGids }) => additionalGids).length],
  ] as const;
  const others = counted.flatMap(([what, count]) =>
    count === 0 ? [] : [`${count} ${what}${count === 1 ? "" : "s"}`],
  );
  return [...nodes, ...others].join(", ");
}
