import { createHash } from "node:crypto";
import type { BigRecipe } from "../big-image.ts";

export interface PulledImage {
  readonly title: string;
  readonly recipe: BigRecipe;
}

/** What nodes pull, each in both compressions. `scale` makes all of them smaller. */
export function pulledImages(scale: number): readonly PulledImage[] {
  const shapes = [
    { title: "6 layers", layers: 6, bytes: 1150 * scale * 2 ** 20 },
    { title: "1 layer of 2 GB", layers: 1, bytes: 2000 * scale * 1e6 },
    { title: "5,000 small files", layers: 1, bytes: 1e9, files: 5000 * scale, below: 8192 },
  ];
  return shapes.flatMap(({ title, ...shape }) =>
    (["gzip", "zstd"] as const).map((compression) => ({
      title: `${title}, ${compression}`,
      recipe: { ...shape, compression },
    })),
  );
}

/** The name under which what a recipe makes is kept: another recipe, another name. */
export function imageName(recipe: BigRecipe): string {
  const key = createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 12);
  return `bench/pulls:${key}`;
}
