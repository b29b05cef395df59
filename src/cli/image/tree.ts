import { chainIds } from "../../spec/digest.ts";
import type { Image } from "../../wire/gen/runtime.v1.ts";
import type { LayerInfo } from "./info.ts";

/** An image as a tree takes it: its layers from the lowest to the topmost, and the containers made from it. */
export interface TreeImage {
  readonly image: Image;
  readonly layers: readonly LayerInfo[];
  readonly containers: readonly string[];
}

/** Layers that exactly the images below have in common; or, where there is but one, an image with what it alone has. */
export interface TreeNode {
  readonly layers: readonly LayerInfo[];
  /** What these layers take; undefined where the runtime doesn't tell. */
  readonly own: number | undefined;
  /** The same with the layers of all nodes above. */
  readonly total: number | undefined;
  /** Set for an image; `below` is empty then. */
  readonly image: TreeImage | undefined;
  readonly below: readonly TreeNode[];
}

interface Branch {
  readonly layer: LayerInfo;
  readonly branches: Map<string, Branch>;
  readonly ends: TreeImage[];
}

/**
 * Images by the layers that they share: a layer counts as shared only on top of the same layers, as it is stored. Images
 * come in the order of their names.
 */
export function imageTree(images: readonly TreeImage[]): TreeNode[] {
  const roots = new Map<string, Branch>();
  const bare: TreeImage[] = [];
  for (const image of images) {
    let branches = roots;
    let end: Branch | undefined;
    const chains = chainIds(
      image.layers.map(({ diffId }) => diffId as Parameters<typeof chainIds>[0][number]),
    );
    for (const [index, layer] of image.layers.entries()) {
      const chain = chains[index] ?? "";
      end = branches.get(chain) ?? { layer, branches: new Map(), ends: [] };
      branches.set(chain, end);
      branches = end.branches;
    }
    (end?.ends ?? bare).push(image);
  }
  const nodes = [...roots.values()].map((branch) => nodeOf(branch, 0));
  return inOrder([...bare.map((image) => leaf([], image, 0)), ...nodes]);
}

function nodeOf(branch: Branch, above: number | undefined): TreeNode {
  const layers = [branch.layer];
  let last = branch;
  // A run of layers that all the same images have is one node.
  for (let only = onlyBranch(last); only !== undefined; only = onlyBranch(last)) {
    layers.push(only.layer);
    last = only;
  }
  const [first, ...more] = last.ends;
  if (first !== undefined && more.length === 0 && last.branches.size === 0) return leaf(layers, first, above);
  const { own, total } = sizes(layers, above);
  const below = [
    ...last.ends.map((image) => leaf([], image, total)),
    ...[...last.branches.values()].map((next) => nodeOf(next, total)),
  ];
  return { layers, own, total, image: undefined, below: inOrder(below) };
}

function onlyBranch({ branches, ends }: Branch): Branch | undefined {
  const [only] = branches.values();
  return branches.size === 1 && ends.length === 0 ? only : undefined;
}

function leaf(layers: readonly LayerInfo[], image: TreeImage, above: number | undefined): TreeNode {
  return { layers, ...sizes(layers, above), image, below: [] };
}

function sizes(
  layers: readonly LayerInfo[],
  above: number | undefined,
): { own: number | undefined; total: number | undefined } {
  let own: number | undefined = 0;
  for (const { bytes } of layers) own = own === undefined || bytes === undefined ? undefined : own + bytes;
  return { own, total: own === undefined || above === undefined ? undefined : above + own };
}

/** The images of a node and of all below it. */
export function imagesBelow({ image, below }: TreeNode): TreeImage[] {
  return image === undefined ? below.flatMap(imagesBelow) : [image];
}

/** The names of an image, or what stands for one. */
export function treeName({ image }: TreeImage): string {
  return image.repoTags.length > 0 ? image.repoTags.join(", ") : (image.repoDigests[0] ?? "<none>");
}

function inOrder(nodes: readonly TreeNode[]): TreeNode[] {
  const nameOf = (node: TreeNode) => imagesBelow(node).map(treeName).sort()[0] ?? "";
  return nodes.toSorted((one, other) => nameOf(one).localeCompare(nameOf(other)));
}
