import type { Bytes, UnixNanos } from "../../base/units.ts";

/**
 * A file name, or a path, as the archive has it: one character for each byte (latin1). Names need not be UTF-8, and
 * so compare and split safely.
 */
export type ByteString = string;

export type TarEntryType =
  | "file"
  | "hardLink"
  | "symbolicLink"
  | "characterDevice"
  | "blockDevice"
  | "directory"
  | "fifo";

/** A run of bytes that a sparse file holds; what lies between runs are holes. */
export interface SparseRun {
  readonly offset: Bytes;
  readonly length: Bytes;
}

/** One member of an archive, after its extension headers (pax, GNU) were applied. */
export interface TarEntry {
  readonly type: TarEntryType;
  /** As it stands in the archive: may be absolute, or hold `.` and `..`. 1 to 4096 bytes, no NUL. */
  readonly name: ByteString;
  /** Of a symbolic link: what it says; of a hard link: the name of another member. Else empty. */
  readonly linkName: ByteString;
  /** Permissions with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  /** 0 to 2^32 - 2, as the group. */
  readonly uid: number;
  readonly gid: number;
  readonly modified: UnixNanos;
  readonly accessed: UnixNanos | undefined;
  /** How large the file becomes: holes count. 0 for what is not a file. */
  readonly size: Bytes;
  /** What of the file has data, in order and without overlaps; undefined: all of it. */
  readonly sparse: readonly SparseRun[] | undefined;
  readonly extendedAttributes: ReadonlyMap<string, Uint8Array>;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

/** Gets what a tar holds, member by member. What it throws ends the reading and comes out of `push`. */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** A piece of the last entry's content, to be written at `offset`; the bytes are only valid during the call. */
  data(chunk: Uint8Array, offset: Bytes): void;
  /** The last entry is complete. */
  entryEnd(): void;
}
