import { resolve } from "node:path";
import { during } from "../base/fault.ts";
import { BerthService } from "../wire/gen/berth.v1.ts";
import { inputFile } from "./archive/spool-input.ts";
import type { Define, Runtime } from "./context.ts";
import { forEach } from "./for-each.ts";
import { addManual } from "./help/manual.ts";
import { explainMissing } from "./missing-call.ts";
import { addConnection, repeated } from "./options.ts";
import { shortId } from "./output/units.ts";
import { UsageError } from "./usage-error.ts";

interface LoadOptions {
  readonly input?: string[];
  readonly quiet?: boolean;
}

/** `berth load`: images from archives, without a registry. */
export const defineLoad: Define = (command, context) => {
  addManual(command, {
    description:
      "Takes all images of an archive, and prints their names: of what docker, podman or `berth save` write, of an OCI " +
      "image layout as a tar or as a directory; packed by gzip or zstd, or not. All of an archive are taken, or none. No " +
      "registry is needed. A file is read by the daemon; what comes through a pipe is copied into a temporary file first " +
      "(TMPDIR). This is berth's own call: other runtimes do not have it.",
    examples: [
      ["berth load -i web.tar", "From a file."],
      ["docker save web:1 | berth load", "From docker."],
      [
        "skopeo copy docker://busybox:1.36 oci-archive:b.tar:busybox:1.36 && berth load b.tar",
        "From a registry that berth can't reach.",
      ],
    ],
  });
  addConnection(command)
    .argument("[file...]", "archives; none: standard input")
    .option("-i, --input <file>", "an archive, as docker has it (repeatable)", repeated)
    .option("-q, --quiet", "only print ids")
    .action(async (given: string[], { input = [], quiet = false }: LoadOptions) => {
      const files = [...given, ...input];
      if (files.length === 0 && process.stdin.isTTY)
        throw new UsageError("name an archive, or lead one into standard input");
      const runtime = await context.connect(command);
      const signal = context.interrupted();
      if (files.length > 0) await forEach(files, (file) => load(runtime, resolve(file), quiet, signal));
      else {
        await using file = await inputFile(signal);
        await load(runtime, file.path, quiet, signal).catch((error: unknown) => {
          throw during("loading standard input", error);
        });
      }
    });
};

async function load(runtime: Runtime, path: string, quiet: boolean, signal: AbortSignal): Promise<void> {
  const { images } = await runtime
    .calls(BerthService)
    .import({ path }, { signal })
    .catch((error: unknown) => {
      throw explainMissing(
        error,
        runtime,
        "Import, which is berth's own",
        "ctr and podman have an import of theirs",
      );
    });
  for (const { id, repoTags } of images) {
    const names = quiet ? [id] : repoTags.length > 0 ? repoTags : [shortId(id)];
    process.stdout.write(names.map((name) => `${name}\n`).join(""));
  }
}
