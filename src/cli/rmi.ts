import { Fault } from "../base/fault.ts";
import { type Image, ImageSpec } from "../wire/gen/runtime.v1.ts";
import type { Define, Runtime } from "./context.ts";
import { forEach } from "./for-each.ts";
import { addManual } from "./help/manual.ts";
import { addConnection } from "./options.ts";
import { UsageError } from "./usage-error.ts";

interface RmiOptions {
  readonly all?: boolean;
  readonly prune?: boolean;
}

/** `berth rmi`: removes images, under all their names. */
export const defineRmi: Define = (command, context) => {
  addManual(command, {
    description:
      "Removes images from this node, each under all its names, whichever of them is given. One that containers " +
      "were made from stays as long as they do, whether they run or not. Pinned images (the setting image.pinned) can be " +
      "removed by name; --prune passes over them.",
    examples: [
      ["berth rmi docker.io/library/busybox:1.36", "Remove an image."],
      ["berth rmi --prune", "Remove all images that no container was made from."],
    ],
  });
  addConnection(command)
    .argument("[image...]", "names, ids or prefixes of ids")
    .option("-a, --all", "every image")
    .option("-q, --prune", "every image that no container was made from, but for pinned ones")
    .action(async (images: string[], options: RmiOptions) => {
      if (images.length === 0 && !options.all && !options.prune) {
        throw new UsageError("name images, or say --all or --prune");
      }
      const runtime = await context.connect(command);
      const wanted = options.all ? await all(runtime) : options.prune ? await unused(runtime) : images;
      await forEach(wanted, async (image) => {
        const spec = ImageSpec.create({ image });
        const { image: there } = await runtime.images.imageStatus({ image: spec, verbose: false });
        if (there === undefined) {
          throw new Fault("notFound", `there is no image "${image}"`, { hint: "`berth images` lists them" });
        }
        await runtime.images.removeImage({ image: spec });
        process.stdout.write(`${nameOf(there, image)}\n`);
      });
    });
};

/** What was asked for by an id that nobody typed is told by its name. */
function nameOf(image: Image, asked: string): string {
  return asked === image.id ? (image.repoTags[0] ?? asked) : asked;
}

async function all(runtime: Runtime): Promise<string[]> {
  return (await runtime.images.listImages({})).images.map(({ id }) => id);
}

async function unused(runtime: Runtime): Promise<string[]> {
  const { containers } = await runtime.pods.listContainers({});
  const used = new Set<string>();
  // A container may know its image by any name that the image had then.
  for (const name of new Set(containers.flatMap(({ image, imageRef }) => [image?.image ?? "", imageRef]))) {
    if (name === "") continue;
    const { image } = await runtime.images.imageStatus({ image: ImageSpec.create({ image: name }) });
    if (image !== undefined) used.add(image.id);
  }
  const { images } = await runtime.images.listImages({});
  return images.filter(({ id, pinned }) => !used.has(id) && !pinned).map(({ id }) => id);
}
