import type { ImageNames } from "./record.ts";
import type { ImageSource } from "./resolve.ts";
import type { ResolvedImage } from "./resolved.ts";

/** An image that was found in an archive. */
export interface ArchivedImage {
  readonly image: ResolvedImage;
  readonly names: ImageNames;
  readonly source: ImageSource;
}
