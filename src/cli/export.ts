import { resolve } from "node:path";
import { BerthService } from "../wire/gen/berth.v1.ts";
import type { Define } from "./context.ts";
import { addConnection } from "./options.ts";

interface ExportOptions {
  readonly file: string;
}

/** `berth export`: writes images to an archive on this host. */
export const defineExport: Define = (command, context) => {
  addConnection(command)
    .argument("<image...>", "names, ids or prefixes of ids")
    .requiredOption("-f, --file <file>", "the tar to write: an OCI image layout")
    .action(async (references: string[], options: ExportOptions) => {
      const runtime = await context.connect(command);
      const path = resolve(options.file);
      await runtime.calls(BerthService).export({ references, path });
      process.stdout.write(`${path}\n`);
    });
};
