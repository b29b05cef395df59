import { BerthService, type DiskUsageResponse } from "../wire/gen/berth.v1.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { explainMissing } from "./missing-call.ts";
import { addConnection, addOutput, type OutputOptions } from "./options.ts";
import { print } from "./output/print.ts";
import { table } from "./output/table.ts";
import { shortId, size } from "./output/units.ts";

interface DuOptions extends OutputOptions {
  readonly verbose?: boolean;
}

/** `berth du`: what images, layers and containers take on disk. */
export const defineDu: Define = (command, context) => {
  addManual(command, {
    description:
      "Shows what each image takes on disk, and what of that it shares with others or has alone; what each container wrote; " +
      "and what lies where. Sizes are blocks on disk, counted now, and the total is what `du` says of the root. " +
      "A file system that compresses or shares blocks (btrfs, zfs) may take less.\n\n" +
      "This is berth's own call: `berth imagefsinfo` asks other runtimes for their sums.",
    examples: [
      ["berth du", "By image, container and place."],
      ["berth du -v", "With every layer, and how many hold it."],
      [
        "berth du -o json | jq '.images | sort_by(.uniqueBytes | tonumber) | last'",
        "What is dearest to keep.",
      ],
    ],
  });
  addOutput(addConnection(command))
    .option("-v, --verbose", "with the layers")
    .action(async (options: DuOptions) => {
      const runtime = await context.connect(command);
      const usage = await runtime
        .calls(BerthService)
        .diskUsage({})
        .catch((error: unknown) => {
          throw explainMissing(
            error,
            runtime,
            "DiskUsage, which is berth's own",
            "`berth imagefsinfo` shows sums",
          );
        });
      print(options.output, usage, () => textOf(usage, options.verbose === true));
    });
};

function textOf(usage: DiskUsageResponse, withLayers: boolean): string {
  const parts = [imageTable(usage), containerTable(usage), placeTable(usage)];
  if (withLayers) parts.splice(1, 0, layerTable(usage));
  return parts.filter((part) => part !== "").join("\n");
}

/** The largest first. */
function byBytes<T extends { readonly bytes: bigint }>(items: readonly T[]): T[] {
  return items.toSorted((one, other) => Number(other.bytes - one.bytes));
}

function imageTable({ images }: DiskUsageResponse): string {
  if (images.length === 0) return "";
  return table(
    ["IMAGE", "ID", "SIZE", "SHARED", "UNIQUE", "CONTAINERS", ""],
    byBytes(images).map(({ id, names, bytes, sharedBytes, uniqueBytes, containers, pinned }) => [
      names[0] ?? "<none>",
      shortId(id),
      size(bytes),
      size(sharedBytes),
      size(uniqueBytes),
      String(containers),
      pinned ? "pinned" : "",
    ]),
  );
}

function layerTable({ layers }: DiskUsageResponse): string {
  if (layers.length === 0) return "";
  return table(
    ["LAYER", "IN", "SIZE", "IMAGES", "CONTAINERS", "OTHERS"],
    byBytes(layers).map(({ chain, snapshotter, bytes, holders }) => {
      const count = (...kinds: string[]) => String(holders.filter(({ kind }) => kinds.includes(kind)).length);
      return [
        shortId(chain),
        snapshotter,
        size(bytes),
        count("image"),
        count("container"),
        count("lease", "work"),
      ];
    }),
  );
}

function containerTable({ containers, images }: DiskUsageResponse): string {
  if (containers.length === 0) return "";
  const names = new Map(images.map(({ id, names }) => [id, names[0] ?? shortId(id)]));
  return table(
    ["CONTAINER", "NAME", "IMAGE", "SIZE", "INODES"],
    byBytes(containers).map(({ id, name, imageId, bytes, inodes }) => [
      shortId(id),
      name,
      names.get(imageId) ?? shortId(imageId),
      size(bytes),
      String(inodes),
    ]),
  );
}

function placeTable({ places, totalBytes }: DiskUsageResponse): string {
  const rows = places
    .filter(({ bytes }) => bytes > 0n)
    .map(({ what, path, bytes }) => [what, size(bytes), path]);
  return table(["WHAT", "SIZE", "BELOW"], [...rows, ["total", size(totalBytes), ""]]);
}
