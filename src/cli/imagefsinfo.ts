import type { FilesystemUsage } from "../wire/gen/runtime.v1.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, addOutput, type OutputOptions } from "./options.ts";
import { print } from "./output/print.ts";
import { table } from "./output/table.ts";
import { size } from "./output/units.ts";

/** `berth imagefsinfo`: what images and containers take on disk. */
export const defineImageFsInfo: Define = (command, context) => {
  addManual(command, {
    description: "Shows what images and the writable layers of containers take on disk, and where.",
    examples: [["berth imagefsinfo -o json | jq .status", "For a script, as crictl has it."]],
  });
  addOutput(addConnection(command)).action(async (options: OutputOptions) => {
    const runtime = await context.connect(command);
    const answer = await runtime.images.imageFsInfo({});
    print(options.output, { status: answer }, () =>
      table(
        ["OF", "MOUNT POINT", "USED", "INODES"],
        [
          ...answer.imageFilesystems.map((usage) => row("images", usage)),
          ...answer.containerFilesystems.map((usage) => row("containers", usage)),
        ],
      ),
    );
  });
};

function row(of: string, { fsId, usedBytes, inodesUsed }: FilesystemUsage): string[] {
  return [of, fsId?.mountpoint ?? "", size(usedBytes?.value ?? 0n), String(inodesUsed?.value ?? "")];
}
