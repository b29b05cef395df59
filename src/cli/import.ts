import { resolve } from "node:path";
import { BerthService } from "../wire/gen/berth.v1.ts";
import type { Define } from "./context.ts";
import { forEach } from "./for-each.ts";
import { addManual } from "./help/manual.ts";
import { explainMissing } from "./missing-call.ts";
import { addConnection } from "./options.ts";
import { shortId } from "./output/units.ts";

/** `berth import`: takes images from archives on this host, without a registry. */
export const defineImport: Define = (command, context) => {
  addManual(command, {
    description:
      "Takes images from archives on the daemon's host, and prints their names. No registry is needed. " +
      "This is berth's own call: other runtimes do not have it.",
    examples: [
      [
        "skopeo copy docker://busybox:1.36 oci-archive:busybox.tar:busybox:1.36 && berth import busybox.tar",
        "Bring an image in from another machine.",
      ],
    ],
  });
  addConnection(command)
    .argument("<file...>", "an OCI image layout (directory or tar) or an archive of `docker save`")
    .action(async (files: string[]) => {
      const runtime = await context.connect(command);
      const berth = runtime.calls(BerthService);
      await forEach(files, async (file) => {
        const { images } = await berth.import({ path: resolve(file) }).catch((error: unknown) => {
          throw explainMissing(
            error,
            runtime,
            "Import, which is berth's own",
            "ctr and podman have an import of theirs",
          );
        });
        for (const image of images) {
          const names = image.repoTags.length > 0 ? image.repoTags : [shortId(image.id)];
          for (const name of names) process.stdout.write(`${name}\n`);
        }
      });
    });
};
