import { artifactTypeAnnotation } from "../spec/artifact.ts";
import type { Image } from "../wire/gen/runtime.v1.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { readTree, treeDocument } from "./image/read-tree.ts";
import { fineTree, plainTree, treeText } from "./image/tree-text.ts";
import { defineVerify } from "./images-verify.ts";
import { addConnection, addOutput, type OutputOptions, repeated } from "./options.ts";
import { facts } from "./output/facts.ts";
import { print } from "./output/print.ts";
import { table } from "./output/table.ts";
import { hasUtf8 } from "./output/terminal.ts";
import { shortId, size } from "./output/units.ts";
import { parsePattern } from "./select.ts";
import { UsageError } from "./usage-error.ts";

interface ImagesOptions extends OutputOptions {
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly digests?: boolean;
  readonly pinned?: boolean;
  readonly trunc: boolean;
  readonly filter?: string[];
  readonly tree?: boolean;
}

/** `berth images`: the images on this node, by name. */
export const defineImages: Define = (command, context) => {
  addManual(command, {
    description:
      "Lists the images on this node by name, one line for each name. Of OCI artifacts, which can be mounted, but not run, " +
      "the type is shown.\n\n" +
      "With --tree they are shown by the layers that they share: a line for each image, below one for what it has in common " +
      "with others. SIZE is all that it has on disk, OWN what its line adds to those above, LAYERS how many layers that is; " +
      "the sum of OWN is what all of them take together.",
    examples: [
      ["berth images nginx", "Images with nginx in a name."],
      ["berth images --tree", "By what they share, with sizes and the containers that use them."],
      ["berth images --digests", "With the digests of their manifests."],
      ["berth images -q -f dangling=true", "The ids of images that have no name."],
    ],
  });
  defineVerify(command.enablePositionalOptions().command("verify"), context);
  addOutput(addConnection(command))
    .argument("[text]", "only images with this in a name")
    .option("-q, --quiet", "only print ids")
    .option("-v, --verbose", "show all that the list tells of each")
    .option("--no-trunc", "show ids whole")
    .option("--digests", "show the digests of manifests, too")
    .option("--pinned", "show whether they are pinned, too: a kubelet does not remove those")
    .option("--tree", "by the layers that they share")
    .option(
      "-f, --filter <condition>",
      "dangling=true or false (with or without a name); reference=PATTERN, a regular expression for names (repeatable)",
      repeated,
    )
    .action(async (text: string | undefined, options: ImagesOptions) => {
      if (options.tree && (options.quiet || options.verbose || options.digests || options.pinned))
        throw new UsageError("--tree shows neither ids alone nor --verbose, --digests or --pinned");
      const filters = (options.filter ?? []).map(parseFilter);
      const runtime = await context.connect(command);
      const { images } = await runtime.images.listImages({});
      const shown = images
        .filter((image) => text === undefined || names(image).some((name) => name.includes(text)))
        .filter((image) => filters.every((fits) => fits(image)))
        .sort((one, other) => (names(one)[0] ?? "").localeCompare(names(other)[0] ?? ""));
      if (options.tree) {
        const tree = await readTree(runtime, shown);
        const style = hasUtf8(process.env) ? fineTree : plainTree;
        print(options.output, treeDocument(tree), () => treeText(tree, style, options.trunc));
      } else if (options.quiet) process.stdout.write(shown.map((image) => `${image.id}\n`).join(""));
      else {
        print(options.output, { images: shown }, () =>
          options.verbose ? shown.map(imageFacts).join("\n") : imageTable(shown, options),
        );
      }
    });
};

/** @throws {UsageError} */
function parseFilter(text: string): (image: Image) => boolean {
  const [name, value = ""] = [text.split("=", 1)[0], text.slice(text.indexOf("=") + 1)];
  if (name === "dangling" && (value === "true" || value === "false")) {
    return (image) => (image.repoTags.length === 0) === (value === "true");
  }
  if (name === "reference") {
    const pattern = parsePattern(value);
    return (image) => names(image).some((at) => pattern.test(at));
  }
  throw new UsageError(
    `"${text}" is not a filter: there are dangling=true, dangling=false and reference=PATTERN`,
  );
}

function names(image: Image): string[] {
  return [...image.repoTags, ...image.repoDigests];
}

function imageTable(images: readonly Image[], { digests, pinned, trunc }: ImagesOptions): string {
  const artifacts = images.some((image) => artifactType(image) !== "");
  const rows = images.flatMap((image) => {
    const tags = image.repoTags.length > 0 ? image.repoTags : ["<none>"];
    return tags.map((tag) => {
      const { name, tag: version } = splitTag(tag, image.repoDigests[0]);
      const digest = image.repoDigests.find((at) => at.startsWith(`${name}@`)) ?? image.repoDigests[0] ?? "";
      return [
        name,
        version,
        ...(digests ? [digest.slice(digest.indexOf("@") + 1)] : []),
        trunc ? shortId(image.id) : image.id,
        size(image.size),
        ...(pinned ? [String(image.pinned)] : []),
        ...(artifacts ? [artifactType(image)] : []),
      ];
    });
  });
  const heading = [
    "IMAGE",
    "TAG",
    ...(digests ? ["DIGEST"] : []),
    "ID",
    "SIZE",
    ...(pinned ? ["PINNED"] : []),
    ...(artifacts ? ["ARTIFACT"] : []),
  ];
  return table(heading, rows);
}

/** The type of an OCI artifact, which can be mounted, but not run; empty for an image. */
function artifactType({ spec }: Image): string {
  return spec?.annotations[artifactTypeAnnotation] ?? "";
}

function splitTag(tag: string, digest: string | undefined): { name: string; tag: string } {
  if (tag === "<none>") return { name: digest?.slice(0, digest.indexOf("@")) ?? tag, tag };
  const colon = tag.lastIndexOf(":");
  return colon > tag.lastIndexOf("/")
    ? { name: tag.slice(0, colon), tag: tag.slice(colon + 1) }
    : { name: tag, tag: "" };
}

/** All that the list tells of an image, in two columns. */
export function imageFacts(image: Image): string {
  return facts([
    ["image", image.id],
    ...image.repoTags.map((tag) => ["tag", tag] as const),
    ...image.repoDigests.map((digest) => ["digest", digest] as const),
    ["artifact", artifactType(image)],
    ["size", size(image.size)],
    ["user", image.uid === undefined ? image.username : String(image.uid.value)],
    ["pinned", image.pinned ? "yes" : ""],
  ]);
}
