import type { Container, Image } from "../wire/gen/runtime.v1.ts";
import type { Runtime } from "./context.ts";
import { shortId } from "./output/units.ts";

/** What the images of containers are called: runtimes and kubelets often know them by id alone. */
export class ImageNames {
  readonly #images: readonly Image[];

  constructor(images: readonly Image[]) {
    this.#images = images;
  }

  /** Asks the runtime only where a container's image has no name. */
  static async of(runtime: Runtime, containers: readonly Container[]): Promise<ImageNames> {
    const isNeeded = containers.some((container) => isId(nameIn(container)));
    return new ImageNames(isNeeded ? (await runtime.images.listImages({})).images : []);
  }

  /** A name of the container's image; where there is none its id, cut short unless `whole`. */
  nameOf(container: Container, whole = false): string {
    const name = nameIn(container);
    if (!isId(name)) return name;
    const image = this.#images.find(({ id }) => id === name || id === `sha256:${name}`);
    return image?.repoTags[0] ?? image?.repoDigests[0] ?? (whole ? name : shortId(name));
  }
}

function nameIn({ image, imageRef }: Container): string {
  return image?.userSpecifiedImage || image?.image || imageRef;
}

function isId(name: string): boolean {
  return /^(?:sha256:)?[0-9a-f]{64}$/.test(name);
}

/** True when `container` was made from the image that `wanted` names; `image` is what the runtime finds by that name. */
export function isMadeFrom(container: Container, wanted: string, image: Image | undefined): boolean {
  const known = [
    container.image?.image,
    container.image?.userSpecifiedImage,
    container.imageRef,
    container.imageId,
  ];
  if (known.includes(wanted)) return true;
  if (image === undefined) return false;
  return [image.id, ...image.repoTags, ...image.repoDigests].some((name) => known.includes(name));
}
