import type { Command } from "commander";
import { BerthService, type Explained } from "../wire/gen/berth.v1.ts";
import type { CommandContext, Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { explainMissing } from "./missing-call.ts";
import { addConnection, addOutput, type OutputOptions } from "./options.ts";
import { print } from "./output/print.ts";
import { printable } from "./output/table.ts";
import { shortId, size } from "./output/units.ts";

/** `berth gc`: what is kept on disk, and why. */
export const defineGc: Define = (command, context) => {
  addManual(command, {
    description:
      "Tells of what lies on disk why it is kept, and when it goes. What nothing holds is swept by itself; `berth prune` " +
      "removes what nobody uses, and `berth du` says what everything takes.",
    examples: [["berth gc explain docker.io/library/nginx:1.27", "Who holds an image."]],
  });
  defineExplain(addConnection(command).enablePositionalOptions().command("explain"), context);
};

function defineExplain(command: Command, context: CommandContext): void {
  addManual(command, {
    description:
      "Says of anything on disk that has an id who holds it: of an image, a layer (by its chain id), a blob, a container's " +
      "files, a layer that is being unpacked, a pull that was cut off. Holders are images by name, containers, pulls and " +
      "other work in flight, leases of unfinished pulls, and the setting image.pinned.\n\n" +
      "This is berth's own call: other runtimes do not have it.",
    examples: [
      ["berth gc explain docker.io/library/nginx:1.27", "Who holds an image."],
      ["berth gc explain 5f70bf18a086", "Whatever has an id that begins so."],
      ["berth du -v", "Where the ids are found."],
    ],
  });
  addOutput(addConnection(command))
    .description("say who holds something on disk")
    .argument(
      "<thing>",
      "an id, the first digits of one (four or more), or the name of an image or container",
    )
    .action(async (id: string, options: OutputOptions) => {
      const runtime = await context.connect(command);
      const answer = await runtime
        .calls(BerthService)
        .explain({ id })
        .catch((error: unknown) => {
          throw explainMissing(
            error,
            runtime,
            "Explain, which is berth's own",
            "`ctr leases ls` lists containerd's leases",
          );
        });
      print(options.output, answer, () => answer.found.map(textOf).join("\n"));
    });
}

function textOf({ kind, id, about, snapshotter, bytes, holders, fate }: Explained): string {
  const where = snapshotter === "" ? "" : `, in ${snapshotter}`;
  const takes = bytes === undefined ? "" : `, ${size(bytes)}`;
  const lines = [`${kind} ${id}${where}${takes}`, `  ${about}`];
  for (const holder of holders) {
    const named = holder.id === "" || holder.what.includes(holder.id) ? "" : ` (${shortId(holder.id)})`;
    lines.push(`  held by ${holder.what}${named}`);
  }
  if (holders.length === 0) lines.push("  held by nothing");
  lines.push(`  ${fate}`);
  return `${lines.map(printable).join("\n")}\n`;
}
