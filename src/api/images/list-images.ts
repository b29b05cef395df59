import type { ImageRecord, Images } from "../../image/contract.ts";
import type {
  Image,
  ImageFilter,
  ListImagesRequest,
  ListImagesResponse,
  StreamImagesRequest,
  StreamImagesResponse,
} from "../../wire/gen/runtime.v1.ts";
import { encodeImage } from "../convert/encode-image.ts";
import { pages } from "../pages.ts";

/** RPC ListImages: all, or the one that the filter names. */
export async function listImages(request: ListImagesRequest, images: Images): Promise<ListImagesResponse> {
  return { images: select(request.filter, images) };
}

/** RPC StreamImages: the same list as it was at the start, in pages. */
export async function* streamImages(
  request: StreamImagesRequest,
  images: Images,
): AsyncGenerator<StreamImagesResponse> {
  for (const page of pages(select(request.filter, images), references)) yield { images: page };
}

function select(filter: ImageFilter | undefined, images: Images): Image[] {
  const wanted = filter?.image?.image ?? "";
  const found: Iterable<ImageRecord | undefined> = wanted === "" ? images.list() : [images.find(wanted)];
  return [...found].flatMap((record) => (record === undefined ? [] : [encodeImage(record)]));
}

/** An image's references are what it has in the place of annotations. */
function references({ repoTags, repoDigests }: Image): { annotations: Record<string, string> } {
  return {
    annotations: Object.fromEntries([...repoTags, ...repoDigests].map((reference) => [reference, ""])),
  };
}
