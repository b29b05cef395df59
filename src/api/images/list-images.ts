import type { ImageRecord, Images } from "../../image/contract.ts";
import {
  type ImageFilter,
  type ListImagesRequest,
  ListImagesResponse,
  type StreamImagesRequest,
  type StreamImagesResponse,
} from "../../wire/gen/runtime.v1.ts";
import { Encoded, encodedOnce } from "../../wire/grpc/encoded.ts";
import { encodeImage } from "../convert/encode-image.ts";
import { pages } from "../pages.ts";

/** An answer with one image; both calls have their images in the same field. */
const answerWith = encodedOnce((record: ImageRecord) =>
  ListImagesResponse.encode({ images: [encodeImage(record)] }).finish(),
);

/** RPC ListImages: all, or the one that the filter names. */
export async function listImages(
  request: ListImagesRequest,
  images: Images,
): Promise<Encoded<ListImagesResponse>> {
  return new Encoded(select(request.filter, images));
}

/** RPC StreamImages: the same list as it was at the start, in pages. */
export async function* streamImages(
  request: StreamImagesRequest,
  images: Images,
): AsyncGenerator<Encoded<StreamImagesResponse>> {
  for (const page of pages(select(request.filter, images))) yield new Encoded(page);
}

function select(filter: ImageFilter | undefined, images: Images): Uint8Array[] {
  const wanted = filter?.image?.image ?? "";
  const found: Iterable<ImageRecord | undefined> = wanted === "" ? images.list() : [images.find(wanted)];
  return [...found].flatMap((record) => (record === undefined ? [] : [answerWith(record)]));
}
