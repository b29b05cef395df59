import { resolve } from "node:path";
import { BerthService } from "../wire/gen/berth.v1.ts";
import type { Define } from "./context.ts";
import { forEach } from "./for-each.ts";
import { addConnection } from "./options.ts";
import { shortId } from "./output/units.ts";

/** `berth import`: takes images from archives on this host, without a registry. */
export const defineImport: Define = (command, context) => {
  addConnection(command)
    .argument("<file...>", "an OCI image layout (directory or tar) or an archive of `docker save`")
    .action(async (files: string[]) => {
      const runtime = await context.connect(command);
      const berth = runtime.calls(BerthService);
      await forEach(files, async (file) => {
        const { images } = await berth.import({ path: resolve(file) });
        for (const image of images) {
          const names = image.repoTags.length > 0 ? image.repoTags : [shortId(image.id)];
          for (const name of names) process.stdout.write(`${name}\n`);
        }
      });
    });
};
