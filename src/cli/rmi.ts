import { Fault } from "../base/fault.ts";
import { ImageSpec } from "../wire/gen/runtime.v1.ts";
import type { Define } from "./context.ts";
import { forEach } from "./for-each.ts";
import { addManual } from "./help/manual.ts";
import { addConnection } from "./options.ts";

/** `berth rmi`: removes images, or one name of an image that has others. */
export const defineRmi: Define = (command, context) => {
  addManual(command, {
    description:
      "Removes images from this node. An image that has several names loses only the one that is given; " +
      "by its id it is removed as a whole. Containers that use it go on.",
    examples: [
      [
        "berth rmi docker.io/library/busybox:1.36",
        "Remove one name of an image, and the image with its last one.",
      ],
      ["berth rmi $(berth images -q)", "Remove all images."],
    ],
  });
  addConnection(command)
    .argument("<image...>", "names, ids or prefixes of ids")
    .action(async (images: string[]) => {
      const runtime = await context.connect(command);
      await forEach(images, async (image) => {
        const spec = ImageSpec.create({ image });
        const { image: there } = await runtime.images.imageStatus({ image: spec, verbose: false });
        if (there === undefined) throw new Fault("notFound", `there is no image "${image}"`);
        await runtime.images.removeImage({ image: spec });
        process.stdout.write(`${image}\n`);
      });
    });
};
