import { resolve } from "node:path";
import { BerthService } from "../wire/gen/berth.v1.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { explainMissing } from "./missing-call.ts";
import { addConnection } from "./options.ts";

interface ExportOptions {
  readonly file: string;
}

/** `berth export`: writes images to an archive on this host. */
export const defineExport: Define = (command, context) => {
  addManual(command, {
    description:
      "Writes images to a tar on the daemon's host, as an OCI image layout that `berth import`, skopeo " +
      "and others read. Layers that the daemon has dropped after unpacking are fetched again. This is " +
      "berth's own call: other runtimes do not have it.",
    examples: [["berth export -f busybox.tar docker.io/library/busybox:1.36", "Write one image."]],
  });
  addConnection(command)
    .argument("<image...>", "names, ids or prefixes of ids")
    .requiredOption("-f, --file <file>", "the tar to write: an OCI image layout")
    .action(async (references: string[], options: ExportOptions) => {
      const runtime = await context.connect(command);
      const path = resolve(options.file);
      await runtime
        .calls(BerthService)
        .export({ references, path })
        .catch((error: unknown) => {
          throw explainMissing(
            error,
            runtime,
            "Export, which is berth's own",
            "ctr and podman have one of theirs",
          );
        });
      process.stdout.write(`${path}\n`);
    });
};
