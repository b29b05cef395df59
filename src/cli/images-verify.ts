import type { Command } from "commander";
import { BerthService, type VerifiedPart, VerifiedState } from "../wire/gen/berth.v1.ts";
import type { CommandContext } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import { addManual } from "./help/manual.ts";
import { explainMissing } from "./missing-call.ts";
import { addConnection, addOutput, type OutputOptions } from "./options.ts";
import { print } from "./output/print.ts";
import { printable } from "./output/table.ts";
import { paint, type Style, terminalOf } from "./output/terminal.ts";
import { shortId, size } from "./output/units.ts";

interface VerifyOptions extends OutputOptions {
  readonly repair?: boolean;
}

/** `berth images verify`: whether what lies on disk is what the registry sent. */
export function defineVerify(command: Command, context: CommandContext): void {
  addManual(command, {
    description:
      "Compares what images have on disk with what came from their registries: manifests, configs and kept layers with " +
      "their digests, unpacked files with a list that was made when they were unpacked (type, mode, owner, size, " +
      "checksum, where links lead). Times, extended attributes and files that were added are not looked at.\n\n" +
      "With --repair, what is damaged is brought anew from the registry: of a layer, that layer alone (with the snapshotter " +
      "overlay). A layer that containers are on is left as it is: what lies below a container must not change.\n\n" +
      "This is berth's own call: other runtimes do not have it.",
    examples: [
      ["berth images verify", "Look at all images."],
      ["berth images verify --repair docker.io/library/nginx:1.27", "Look at one, and repair it."],
      ["berth images verify -o json | jq '.parts[] | select(.state != \"VERIFIED_SOUND\")'", "For a script."],
    ],
    exits: [
      ["0", "All is sound, or was repaired."],
      [String(exitCodes.failed), "Something is damaged, or the command failed."],
      [String(exitCodes.notFound), "There is no such image."],
    ],
  });
  addOutput(addConnection(command))
    .description("compare images on disk with what their registries sent")
    .argument("[image...]", "names, ids or prefixes of ids; none: all images")
    .option("--repair", "bring what is damaged anew from the registry")
    .action(async (references: string[], options: VerifyOptions) => {
      const runtime = await context.connect(command);
      const parts: VerifiedPart[] = [];
      const request = { references, repair: options.repair === true };
      const stream = runtime.calls(BerthService).verifyImages(request, { signal: context.interrupted() });
      try {
        for await (const part of stream) {
          if (part.what !== "") parts.push(part);
          if (options.output === "table") process.stdout.write(linesOf(part));
        }
      } catch (error) {
        throw explainMissing(
          error,
          runtime,
          "VerifyImages, which is berth's own",
          "podman has `podman system check`",
        );
      }
      if (options.output === "table") process.stdout.write(summaryOf(parts));
      else print(options.output, { parts: parts.map(named) }, () => "");
      if (parts.some(({ state }) => state === VerifiedState.VERIFIED_DAMAGED))
        context.exitWith(exitCodes.failed);
    });
}

const words: Readonly<Record<VerifiedState, readonly [word: string, style: Style | undefined]>> = {
  [VerifiedState.VERIFIED_SOUND]: ["ok", undefined],
  [VerifiedState.VERIFIED_DAMAGED]: ["damaged", "red"],
  [VerifiedState.VERIFIED_REPAIRED]: ["repaired", "green"],
  [VerifiedState.VERIFIED_UNCHECKED]: ["unchecked", "dim"],
};

/** With the state by its name, as the JSON form of protocol buffers has it. */
function named(part: VerifiedPart): object {
  const [state] = Object.entries(VerifiedState).find(([, value]) => value === part.state) ?? [""];
  return { ...part, state };
}

function linesOf(part: VerifiedPart): string {
  const { what, digest, state, files, bytes, damaged, moreDamaged, reason } = part;
  if (what === "") return `${printable(part.imageNames[0] ?? part.imageId)}\n`;
  const [word, style] = words[state];
  const shown = style === undefined ? word : paint(style, word, terminalOf(process.stdout));
  const counted = what === "layer" && files > 0n ? `${files} files, ${size(bytes)}` : size(bytes);
  const lines = [`  ${what.padEnd(8)}  ${shortId(digest)}  ${shown}${bytes > 0n ? `  ${counted}` : ""}`];
  for (const { path, what } of damaged) lines.push(`    ${printable(path)} ${what}`);
  if (moreDamaged > 0n) lines.push(`    and ${moreDamaged} more`);
  if (reason !== "") lines.push(`    ${printable(reason)}`);
  return lines.map((line) => `${line}\n`).join("");
}

function summaryOf(parts: readonly VerifiedPart[]): string {
  const count = (wanted: VerifiedState) => parts.filter(({ state }) => state === wanted).length;
  const repaired = count(VerifiedState.VERIFIED_REPAIRED);
  const unchecked = count(VerifiedState.VERIFIED_UNCHECKED);
  const told = [
    `${count(VerifiedState.VERIFIED_SOUND)} ok`,
    `${count(VerifiedState.VERIFIED_DAMAGED)} damaged`,
    ...(repaired > 0 ? [`${repaired} repaired`] : []),
    ...(unchecked > 0 ? [`${unchecked} unchecked`] : []),
  ];
  return `${told.join(", ")}\n`;
}
