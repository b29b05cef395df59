import { posix } from "node:path";
import { Fault, type FaultKind } from "../base/fault.ts";
import { errnoOf, kindOfErrno } from "../linux/libc.ts";
import type { ByteString } from "../wire/tar/entry.ts";

/** A path of the user's, taken apart. One character for each byte. */
export interface CopyPath {
  /** From the root, without `.`, `..` and slashes too many; "" is the root. */
  readonly clean: ByteString;
  readonly directory: ByteString;
  /** "" for the root. */
  readonly name: ByteString;
  /** It ends in a slash, or in `/.`: what it names is a directory, and a link at its end is followed. */
  readonly isDirectory: boolean;
  /** It ends in `/.`: what is meant is what the directory holds, not the directory. */
  readonly meansContents: boolean;
}

/** Takes apart a path that is absolute, or relative to the root. */
export function parseCopyPath(text: string): CopyPath {
  const bytes = Buffer.from(text, "utf8").toString("latin1");
  const clean = posix.normalize(`/${bytes}`).replace(/\/$/, "").slice(1);
  const slash = clean.lastIndexOf("/");
  return {
    clean,
    directory: slash < 0 ? "" : clean.slice(0, slash),
    name: clean.slice(slash + 1),
    isDirectory: /(^|\/)\.?$/.test(bytes),
    meansContents: /(^|\/)\.$/.test(bytes),
  };
}

/** As people write it. */
export function shownPath(path: ByteString): string {
  return `/${Buffer.from(path, "latin1").toString("utf8")}`;
}

const kinds: Readonly<Record<string, FaultKind>> = {
  ELOOP: "invalid",
  ENOTDIR: "invalid",
  EISDIR: "invalid",
  ENAMETOOLONG: "invalid",
  EROFS: "wrongState",
};

/** What the kernel refused, in words of the copy's. */
export function copyFault(doing: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const code = errnoOf(error);
  return new Fault(kinds[code ?? ""] ?? kindOfErrno(code), doing, { cause: error });
}
