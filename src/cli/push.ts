import { Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import { BerthService, type PushImageProgress, type PushImageProgress_Pushed } from "../wire/gen/berth.v1.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { explainFirst } from "./missing-call.ts";
import { addConnection } from "./options.ts";
import { size } from "./output/units.ts";
import { addCredentials, authFrom, type CredentialOptions } from "./pull-image.ts";
import { followTransfer } from "./transfer/follow.ts";
import { TransferProgress, type TransferView } from "./transfer/progress.ts";
import { quietShow, showTransfer } from "./transfer/show.ts";
import { pushWords } from "./transfer/words.ts";

interface PushOptions extends CredentialOptions {
  readonly quiet?: boolean;
}

/** `berth push`: an image of this node to a registry. */
export const definePush: Define = (command, context) => {
  addManual(command, {
    description:
      "Pushes an image to the registry that its name says, or that the destination says, and prints the name by digest " +
      "that it has there. Blobs that the repository has are left out, and those that another repository of the registry " +
      "has are taken from there. Layers that the daemon dropped once they were unpacked pass through from where the image " +
      "came; without a way to get them again the push fails, and says what to do. An upload that breaks off goes on where " +
      "the registry says it stopped.\n\n" +
      "Of an image for several platforms the one of this node is here, and pushed. This is berth's own call: other runtimes do not have it.",
    examples: [
      ["berth push registry.example/app:2", "To where its name says."],
      ["berth push app:2 registry.example/mirror/app:2", "To another place, without a name for it here."],
      ["berth push --creds-file /root/creds registry.example/app:2", "With the user and password in a file."],
    ],
    files: [["/etc/berth/certs.d/HOST/hosts.toml", "How the registry HOST is reached."]],
  });
  addCredentials(addConnection(command))
    .argument("<image>", "a name; with a destination, an id or a prefix of one, too")
    .argument("[destination]", "as in registry.example/app:2")
    .option("-q, --quiet", "only print the name by digest")
    .action(async (image: string, destination: string | undefined, options: PushOptions) => {
      const auth = authFrom(options);
      const runtime = await context.connect(command);
      const signal = context.interrupted();
      const request = { image, destination: destination ?? "", auth };
      const steps = explainFirst(
        runtime.calls(BerthService).pushImage(request, { signal }),
        runtime,
        "PushImage, which is berth's own",
        "ctr and podman have one of theirs",
      );
      const startedAt = performance.now();
      const progress = new TransferProgress();
      // Whoever does not know the call says so before anything is shown.
      const first = await steps.next();
      let last: PushImageProgress | undefined;
      {
        using show = options.quiet ? quietShow : showTransfer(pushWords, destination ?? image, progress);
        last = await followTransfer(first, steps, progress, show);
      }
      if (last?.step?.$case !== "pushed")
        throw new Fault("internal", "the daemon ended its answer before the image was there");
      const pushed = last.step.value;
      process.stdout.write(`${pushed.reference}\n`);
      if (!options.quiet) process.stderr.write(endLines(pushed, progress.view(performance.now()), startedAt));
    });
};

function endLines(
  { digest, byAnother }: PushImageProgress_Pushed,
  { total }: TransferView,
  startedAt: Ms,
): string {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const done = total === 0 ? "all of it was there" : `pushed ${size(total)} in ${seconds} s`;
  if (!byAnother) return `${done}\n`;
  const what =
    "the image is known by another digest, too: that of an index, whose other platforms are not here";
  return `${done}\nnote: pushed as ${digest}; ${what}\n`;
}
