import { BerthService } from "../wire/gen/berth.v1.ts";
import type { Define } from "./context.ts";
import { forEach } from "./for-each.ts";
import { addManual } from "./help/manual.ts";
import { explainMissing } from "./missing-call.ts";
import { addConnection } from "./options.ts";

/** `berth tag`: one more name for an image. */
export const defineTag: Define = (command, context) => {
  addManual(command, {
    description:
      "Gives an image more names, by which it is found, run and pushed. An image that had such a name has it no longer. " +
      "This is berth's own call: other runtimes do not have it.",
    examples: [
      ["berth tag 1a2b3c4d web:1", "A name for an image that has none: docker.io/library/web:1."],
      ["berth tag web:1 registry.example/web:1 && berth push registry.example/web:1", "Then push it."],
      ["berth untag registry.example/web:1", "Take the name away again; the image stays."],
    ],
  });
  addConnection(command)
    .argument("<image>", "a name, an id or a prefix of one")
    .argument("<name...>", "with a tag; without one it is latest")
    .action(async (image: string, names: string[]) => {
      const runtime = await context.connect(command);
      await forEach(names, async (name) => {
        await runtime
          .calls(BerthService)
          .tag({ image, name })
          .catch((error: unknown) => {
            throw explainMissing(
              error,
              runtime,
              "Tag, which is berth's own",
              "ctr and podman have one of theirs",
            );
          });
      });
    });
};

/** `berth untag`: a name less. */
export const defineUntag: Define = (command, context) => {
  addManual(command, {
    description:
      "Takes names from the images that have them. An image stays, even without any name: `berth rmi` removes it, by its id. " +
      "This is berth's own call: other runtimes do not have it.",
    examples: [["berth untag registry.example/web:1", "The image keeps its other names."]],
  });
  addConnection(command)
    .argument("<image...>", "names with a tag; without one it is latest")
    .action(async (names: string[]) => {
      const runtime = await context.connect(command);
      await forEach(names, async (name) => {
        await runtime
          .calls(BerthService)
          .untag({ name })
          .catch((error: unknown) => {
            throw explainMissing(
              error,
              runtime,
              "Untag, which is berth's own",
              "ctr and podman have one of theirs",
            );
          });
      });
    });
};
