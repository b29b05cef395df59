import { createHash } from "node:crypto";
import { busyboxLayer, directory, file } from "../images/busybox.ts";
import type { ImageRecipe } from "../images/image.ts";
import type { TarEntry } from "../images/tar.ts";

/** How many files `/sums` names in each of these images. */
export const listedFiles = 12;
/** What containers run to compare their image with the list that it brought. Its exit code is 0 when all is as it was made. */
export const compareScript = `sha256sum -c /sums >/tmp/compared && [ "$(grep -c OK /tmp/compared)" = ${listedFiles} ]`;

/** An image that can tell by itself whether it is whole. Its lowest layers are those of all others. */
export function selfCheckingImage(
  name: string,
  labels: Readonly<Record<string, string>>,
): Omit<ImageRecipe, "name"> {
  const own = Array.from({ length: listedFiles / 2 }, (_, index) =>
    noise(`data/${name}-${index}`, 64 << (index * 2)),
  );
  const shared = Array.from({ length: listedFiles / 2 }, (_, index) => noise(`shared/${index}`, 300 << 10));
  const sums = [...shared, ...own].map(
    ({ path, data }) => `${createHash("sha256").update(data).digest("hex")}  /${path}\n`,
  );
  const layers: TarEntry[][] = [
    busyboxLayer(),
    [directory("shared"), ...shared],
    [directory("data"), ...own],
    [file("sums", sums.join(""))],
  ];
  return { layers, config: { Cmd: ["sh"], Labels: labels } };
}

/** Bytes that don't compress, always the same. */
function noise(path: string, bytes: number) {
  const data = createHash("shake256", { outputLength: bytes }).update(path).digest();
  return { ...file(path, data), data };
}
