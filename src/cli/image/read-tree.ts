import { type Image, ImageSpec } from "../../wire/gen/runtime.v1.ts";
import type { Runtime } from "../context.ts";
import { isMadeFrom } from "../image-names.ts";
import { readImageInfo } from "./info.ts";
import { imageTree, type TreeNode } from "./tree.ts";
import { treeTotals } from "./tree-text.ts";

/** Asks for the layers of `images` and for the containers made from them. */
export async function readTree(runtime: Runtime, images: readonly Image[]): Promise<TreeNode[]> {
  const { containers } = await runtime.pods.listContainers({});
  const read = await Promise.all(
    images.map(async (image) => {
      const spec = ImageSpec.create({ image: image.id });
      const { info } = await runtime.images.imageStatus({ image: spec, verbose: true });
      const made = containers.filter((container) => isMadeFrom(container, image.id, image));
      return { image, layers: readImageInfo(info).layers, containers: made.map(({ id }) => id) };
    }),
  );
  return imageTree(read);
}

/** The tree for scripts. Sizes are bytes; one that the runtime doesn't tell is left out. */
export function treeDocument(nodes: readonly TreeNode[]): object {
  const { together, apart } = treeTotals(nodes);
  return { tree: nodes.map(nodeDocument), together, apart };
}

function nodeDocument({ layers, own, total, image, below }: TreeNode): object {
  return {
    own,
    total,
    layers,
    ...(image === undefined
      ? { below: below.map(nodeDocument) }
      : { image: image.image, containers: image.containers }),
  };
}
