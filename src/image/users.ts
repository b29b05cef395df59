import type { ImageId } from "../base/ids.ts";
import type { ChainUsers, ImageUser } from "./parts.ts";

/** The containers that were made from an image, or have it as a volume. */
export function usersOfImage(image: ImageId, users: ChainUsers): ImageUser[] {
  return users.containers().filter(({ images }) => images.includes(image));
}

/** For messages: the first few containers by name. */
export function nameUsers(users: readonly ImageUser[]): string {
  const named = users.slice(0, 3).map(({ id, name }) => `container ${name} (${id.slice(0, 13)})`);
  return `${named.join(", ")}${users.length > 3 ? ` and ${users.length - 3} more` : ""}`;
}
