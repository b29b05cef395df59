import { Fault } from "../base/fault.ts";
import { ImageSpec } from "../wire/gen/runtime.v1.ts";
import type { Define } from "./context.ts";
import { forEach } from "./for-each.ts";
import { addConnection } from "./options.ts";

/** `berth rmi`: removes images, or one name of an image that has others. */
export const defineRmi: Define = (command, context) => {
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
