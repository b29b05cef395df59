import type { Image } from "../wire/gen/runtime.v1.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, addOutput, type OutputOptions } from "./options.ts";
import { print } from "./output/print.ts";
import { table } from "./output/table.ts";
import { shortId, size } from "./output/units.ts";

interface ImagesOptions extends OutputOptions {
  readonly quiet?: boolean;
  readonly digests?: boolean;
}

/** `berth images`: the images on this node, by name. */
export const defineImages: Define = (command, context) => {
  addManual(command, {
    description: "Lists the images on this node by name, one line for each name.",
    examples: [
      ["berth images nginx", "Images with nginx in a name."],
      ["berth images --digests", "With the digests of their manifests."],
    ],
  });
  addOutput(addConnection(command))
    .argument("[text]", "only images with this in a name")
    .option("-q, --quiet", "only print ids")
    .option("--digests", "show the digests of manifests, too")
    .action(async (text: string | undefined, options: ImagesOptions) => {
      const runtime = await context.connect(command);
      const { images } = await runtime.images.listImages({});
      const shown = images
        .filter((image) => text === undefined || names(image).some((name) => name.includes(text)))
        .sort((one, other) => (names(one)[0] ?? "").localeCompare(names(other)[0] ?? ""));
      if (options.quiet) process.stdout.write(shown.map((image) => `${image.id}\n`).join(""));
      else print(options.output, { images: shown }, () => imageTable(shown, options.digests === true));
    });
};

function names(image: Image): string[] {
  return [...image.repoTags, ...image.repoDigests];
}

function imageTable(images: readonly Image[], withDigests: boolean): string {
  const rows = images.flatMap((image) => {
    const tags = image.repoTags.length > 0 ? image.repoTags : ["<none>"];
    return tags.map((tag) => {
      const { name, tag: version } = splitTag(tag, image.repoDigests[0]);
      const digest = image.repoDigests.find((at) => at.startsWith(`${name}@`)) ?? image.repoDigests[0] ?? "";
      const shownDigest = withDigests ? [digest.slice(digest.indexOf("@") + 1)] : [];
      return [name, version, ...shownDigest, shortId(image.id), size(image.size)];
    });
  });
  return table(["IMAGE", "TAG", ...(withDigests ? ["DIGEST"] : []), "ID", "SIZE"], rows);
}

function splitTag(tag: string, digest: string | undefined): { name: string; tag: string } {
  if (tag === "<none>") return { name: digest?.slice(0, digest.indexOf("@")) ?? tag, tag };
  const colon = tag.lastIndexOf(":");
  return colon > tag.lastIndexOf("/")
    ? { name: tag.slice(0, colon), tag: tag.slice(colon + 1) }
    : { name: tag, tag: "" };
}
