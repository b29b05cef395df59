import { once } from "node:events";
import { resolve } from "node:path";
import { BerthService } from "../wire/gen/berth.v1.ts";
import { replaceFile } from "./archive/replace-file.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { explainFirst } from "./missing-call.ts";
import { addConnection } from "./options.ts";
import { UsageError } from "./usage-error.ts";

interface SaveOptions {
  readonly output?: string;
}

/** `berth save`: images as an archive, in a file or on standard output. */
export const defineSave: Define = (command, context) => {
  addManual(command, {
    description:
      "Writes images as one tar: an OCI image layout that is a docker archive, too, so that `berth load`, docker, podman, " +
      "skopeo, ctr and others read it. An image has the names there by which it is asked for; by its id, all that it has. " +
      "Layers that the daemon dropped once they were unpacked are fetched again from where the image came.\n\n" +
      "The file takes its place when it is whole; it is readable by its owner alone. This is berth's own call: other " +
      "runtimes do not have it.",
    examples: [
      ["berth save -o web.tar registry.example/web:1 registry.example/db:2", "Two images in one file."],
      ["berth save registry.example/web:1 | gzip > web.tar.gz", "Packed."],
      ["berth save registry.example/web:1 | ssh other berth load", "To another node."],
    ],
  });
  addConnection(command)
    .argument("<image...>", "names, ids or prefixes of ids")
    .option("-o, --output <file>", "the file to write, instead of standard output")
    .action(async (references: string[], { output }: SaveOptions) => {
      if (output === undefined && process.stdout.isTTY)
        throw new UsageError("an archive is not for a terminal: name a file by -o, or lead it into one");
      const runtime = await context.connect(command);
      const signal = context.interrupted();
      const pieces = explainFirst(
        runtime.calls(BerthService).export({ references }, { signal }),
        runtime,
        "Export, which is berth's own",
        "ctr and podman have one of theirs",
      );
      if (output !== undefined) await replaceFile(resolve(output), dataOf(pieces));
      else
        for await (const data of dataOf(pieces))
          if (!process.stdout.write(data)) await once(process.stdout, "drain");
    });
};

async function* dataOf(pieces: AsyncIterable<{ data: Uint8Array }>): AsyncGenerator<Uint8Array> {
  for await (const { data } of pieces) yield data;
}
