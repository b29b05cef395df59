import { Fault } from "../base/fault.ts";
import type { ImageRecord, Images } from "../image/contract.ts";
import type { ContainerRecord } from "./state.ts";

/** The image that a container is being made from. @throws {Fault} notFound when it went meanwhile */
export function imageOf({ id, imageId }: ContainerRecord, images: Pick<Images, "find">): ImageRecord {
  const image = images.find(imageId);
  if (image !== undefined) return image;
  throw new Fault("notFound", `image ${imageId} was removed while container ${id} was being made`);
}
