import { once } from "node:events";
import { during } from "../base/fault.ts";
import type { CommandContext, Define, Runtime } from "./context.ts";
import { LocalTarget, localTar } from "./copy/local.ts";
import { type Place, parsePlace } from "./copy/places.ts";
import { copyFrom, copyTo } from "./copy/transport.ts";
import { findContainer } from "./find.ts";
import { addManual } from "./help/manual.ts";
import { addConnection } from "./options.ts";
import { UsageError } from "./usage-error.ts";

interface CopyOptions {
  readonly archive?: boolean;
  readonly followLink?: boolean;
}

/** `berth cp`: files between this machine and a container. */
export const defineCp: Define = (command, context) => {
  addManual(command, {
    description:
      "Copies files and directories between this machine and a container, which need not run, nor have any program " +
      "in it. A place in a container is NAME:PATH. A directory that is there is copied into; a source that ends in /. " +
      "stands for what the directory holds. A single - is a tar on standard input, whose files go into a directory, or on " +
      "standard output.\n\n" +
      "Modes and times come along. What is made belongs to the container's root, or here to you; with --archive to whom it " +
      "belonged. Links are copied as links, and none leads the copy out of the container or of where it goes. Devices, " +
      "sockets and FIFOs are left out. On other runtimes tar is run in the container.",
    examples: [
      ["berth cp web:/etc/nginx/nginx.conf .", "A file of a container, here."],
      ["berth cp ./site/. web:/usr/share/nginx/html", "What a directory holds, into one of the container."],
      ["berth cp -a web:/var/lib/data ./data", "With owners, as root."],
      ["berth cp web:/var/log - | tar -t", "As a tar."],
      ["tar -c etc | berth cp - web:/", "From a tar."],
    ],
  });
  addConnection(command)
    .argument("<from>", "NAME:PATH, a path of this machine, or -")
    .argument("<to>", "NAME:PATH, a path of this machine, or -")
    .option("-a, --archive", "keep owners, setuid and setgid")
    .option("-L, --follow-link", "copy what a link at the end of <from> leads to")
    .action(async (from: string, to: string, options: CopyOptions) => {
      const [source, target] = [parsePlace(from), parsePlace(to)];
      const run = copyOf(source, target, options);
      const runtime = await context.connect(command);
      try {
        await run(runtime, context);
      } catch (error) {
        throw during(`copying ${from} to ${to}`, error);
      }
    });
};

type Copy = (runtime: Runtime, context: CommandContext) => Promise<void>;

function copyOf(from: Place, to: Place, options: CopyOptions): Copy {
  if (from.kind === "container" && to.kind !== "container")
    return (runtime) => out(runtime, from, to, options);
  if (to.kind === "container" && from.kind !== "container")
    return (runtime) => into(runtime, from, to, options);
  throw new UsageError("one side is a place in a container, NAME:PATH; the other is not");
}

type InContainer = Extract<Place, { kind: "container" }>;
type Outside = Exclude<Place, InContainer>;

async function out(
  runtime: Runtime,
  { container, path }: InContainer,
  to: Outside,
  { archive = false, followLink = false }: CopyOptions,
): Promise<void> {
  if (to.kind === "tar" && process.stdout.isTTY)
    throw new UsageError("a tar is not for a terminal: lead it into a file");
  const { id: containerId } = await findContainer(runtime, container);
  const request = { containerId, path, followLink };
  if (to.kind === "tar") {
    await copyFrom(runtime, request, async (piece) => {
      if (!process.stdout.write(piece)) await once(process.stdout, "drain");
    });
    return;
  }
  using target = new LocalTarget(to.path, archive);
  await copyFrom(runtime, request, (piece) => target.push(piece));
  target.finish();
}

async function into(
  runtime: Runtime,
  from: Outside,
  { container, path }: InContainer,
  { archive = false, followLink = false }: CopyOptions,
): Promise<void> {
  const { id: containerId } = await findContainer(runtime, container);
  const extract = from.kind === "tar";
  await copyTo(runtime, { containerId, path, archive, extract }, (rename) =>
    from.kind === "tar" ? process.stdin : localTar(from.path, followLink, rename),
  );
}
