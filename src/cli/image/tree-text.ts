import { table } from "../output/table.ts";
import { shortId, size } from "../output/units.ts";
import { imagesBelow, type TreeNode, treeName } from "./tree.ts";

/** How branches are drawn. */
export interface TreeStyle {
  readonly branch: string;
  readonly lastBranch: string;
  readonly trunk: string;
}

export const fineTree: TreeStyle = { branch: "├─ ", lastBranch: "└─ ", trunk: "│  " };
export const plainTree: TreeStyle = { branch: "|- ", lastBranch: "`- ", trunk: "|  " };

/** A line for each image, and one for what several share, above them; then what all take together. */
export function treeText(nodes: readonly TreeNode[], style: TreeStyle, trunc: boolean): string {
  const rows = nodes.flatMap((node) => rowsOf(node, "", "", style, trunc));
  const all = table(["IMAGE", "ID", "SIZE", "OWN", "LAYERS", "CONTAINERS"], rows);
  return `${all}${summary(nodes)}`;
}

function rowsOf(node: TreeNode, first: string, next: string, style: TreeStyle, trunc: boolean): string[][] {
  const { image, own, total, layers, below } = node;
  const sized = (bytes: number | undefined) => (bytes === undefined ? "" : size(bytes));
  const name = image === undefined ? `(shared by ${imagesBelow(node).length})` : treeName(image);
  const id = image === undefined ? "" : trunc ? shortId(image.image.id) : image.image.id;
  const containers =
    image === undefined || image.containers.length === 0 ? "" : String(image.containers.length);
  const whole = total ?? (image === undefined ? undefined : Number(image.image.size));
  const row = [`${first}${name}`, id, sized(whole), sized(own), String(layers.length), containers];
  const rows = below.map((one, index) => {
    const isLast = index === below.length - 1;
    const branch = next + (isLast ? style.lastBranch : style.branch);
    return rowsOf(one, branch, next + (isLast ? " ".repeat(style.trunk.length) : style.trunk), style, trunc);
  });
  return [row, ...rows.flat()];
}

function summary(nodes: readonly TreeNode[]): string {
  const { images, together, apart } = treeTotals(nodes);
  if (together === undefined || apart === undefined) return "";
  const shared = together < apart ? `, ${size(apart)} if they shared nothing` : "";
  return `\n${images} image${images === 1 ? "" : "s"}, ${size(together)} together${shared}\n`;
}

/** What all images take, each layer counted once, and each for every image. */
export function treeTotals(nodes: readonly TreeNode[]): {
  readonly images: number;
  readonly together: number | undefined;
  readonly apart: number | undefined;
} {
  const all = nodes.flatMap(allBelow);
  const leaves = all.filter(({ image }) => image !== undefined);
  return {
    images: leaves.length,
    together: sum(all.map(({ own }) => own)),
    apart: sum(leaves.map(({ total }) => total)),
  };
}

function allBelow(node: TreeNode): TreeNode[] {
  return [node, ...node.below.flatMap(allBelow)];
}

function sum(values: readonly (number | undefined)[]): number | undefined {
  return values.reduce((all, one) => (all === undefined || one === undefined ? undefined : all + one), 0);
}
