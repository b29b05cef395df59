import { formatReference, parseReference } from "../spec/reference.ts";
import type { ImageRecord } from "./contract.ts";

/**
 * The images that the operator pins, by patterns as CRI-O's `pinned_images`: a whole name, a beginning with `*` behind it,
 * or a part with `*` on both sides; capitals don't matter. A kubelet does not remove pinned images, nor does a prune.
 */
export class PinnedImages {
  #tests: readonly ((name: string) => boolean)[] = [];

  constructor(patterns: readonly string[]) {
    this.set(patterns);
  }

  set(patterns: readonly string[]): void {
    this.#tests = patterns.map(testOf);
  }

  /** True if one of the image's names is pinned. */
  has({ tags, digests }: Pick<ImageRecord, "tags" | "digests">): boolean {
    return [...tags, ...digests].some((name) => this.#tests.some((test) => test(name.toLowerCase())));
  }
}

function testOf(pattern: string): (name: string) => boolean {
  const wanted = pattern.toLowerCase();
  if (wanted.startsWith("*") && wanted.endsWith("*")) {
    const part = wanted.slice(1, -1);
    return (name) => name.includes(part);
  }
  if (wanted.endsWith("*")) {
    const beginning = wanted.slice(0, -1);
    return (name) => name.startsWith(beginning);
  }
  const whole = new Set([wanted, normal(pattern)]);
  return (name) => whole.has(name);
}

/** The name that the image has here: `busybox` is known as `docker.io/library/busybox:latest`. */
function normal(name: string): string {
  try {
    return formatReference(parseReference(name)).toLowerCase();
  } catch {
    return name.toLowerCase();
  }
}

/** The record with its pin as its names say. */
export function withPin(record: ImageRecord, pinned: PinnedImages): ImageRecord {
  const isPinned = pinned.has(record);
  return record.pinned === isPinned ? record : { ...record, pinned: isPinned };
}
