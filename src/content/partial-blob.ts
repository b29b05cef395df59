import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Growth } from "../base/growth.ts";
import type { Bytes } from "../base/units.ts";
import { systemFault } from "../linux/libc.ts";

/** What came is known by pieces of so many bytes: at most so much of a connection's is fetched again after a kill. */
export const pieceBytes: Bytes = 1_048_576;

const [missing, claimed, whole] = [0, 1, 2];

/** A part of a blob that somebody brings: whole pieces, but for the blob's end. */
export interface ClaimedStretch {
  readonly from: Bytes;
  /** Exclusive. */
  to: Bytes;
}

/**
 * A blob on its way here: its bytes come in any order, and are in a file at once. What has come is known to whoever opens
 * the file again, after a kill, too: behind the blob's end, a byte for each piece says that all of it was written.
 */
export class PartialBlob implements AsyncDisposable {
  readonly path: string;
  readonly size: Bytes;
  /** How much may be read from the beginning on. */
  readonly growth = new Growth();
  readonly #file: FileHandle;
  readonly #closed: () => Promise<void>;
  readonly #pieces: Uint8Array;
  #front = 0;
  #read: Bytes = 0;
  #grown: () => void = () => undefined;

  private constructor(at: { path: string; size: Bytes }, file: FileHandle, closed: () => Promise<void>) {
    this.path = at.path;
    this.size = at.size;
    this.#file = file;
    this.#closed = closed;
    this.#pieces = new Uint8Array(Math.ceil(at.size / pieceBytes));
  }

  /**
   * Opens the file at `path`, made if it isn't there.
   *
   * @param closed called once it is closed
   * @throws as the file system does
   */
  static async open(
    at: { readonly path: string; readonly size: Bytes },
    closed: () => Promise<void>,
  ): Promise<PartialBlob> {
    const file = await open(at.path, constants.O_RDWR | constants.O_CREAT, 0o600);
    const blob = new PartialBlob(at, file, closed);
    await file.read(blob.#pieces, 0, blob.#pieces.length, at.size);
    for (const [index, mark] of blob.#pieces.entries())
      blob.#pieces[index] = mark === whole ? whole : missing;
    blob.#advance();
    return blob;
  }

  /** True if whoever reads it has, or has nearly, read all that is here from the beginning on. */
  get hungry(): boolean {
    return this.growth.bytes < this.size && this.growth.bytes - this.#read < 2 * pieceBytes;
  }

  /** Has `listener` called whenever more may be read. */
  onGrown(listener: () => void): void {
    this.#grown = listener;
  }

  /** Notes how far the reader is. */
  readTo(bytes: Bytes): void {
    this.#read = bytes;
  }

  /** The first stretch that isn't here and that nobody brings, of at most so many bytes; undefined when there is none. */
  claim(atMost: Bytes): ClaimedStretch | undefined {
    const first = this.#pieces.indexOf(missing, this.#front);
    if (first === -1) return undefined;
    let end = first;
    const most = first + Math.max(1, Math.floor(atMost / pieceBytes));
    while (end < most && this.#pieces[end] === missing) this.#pieces[end++] = claimed;
    return { from: first * pieceBytes, to: Math.min(end * pieceBytes, this.size) };
  }

  /** Has the stretch go on to the blob's end: nobody else is to bring any of it. What was here is written again. */
  claimRest(stretch: ClaimedStretch): void {
    for (const [index, state] of this.#pieces.entries())
      if (state === missing && index * pieceBytes >= stretch.from) this.#pieces[index] = claimed;
    stretch.to = this.size;
  }

  /** Gives back what of the stretch has not come. */
  release({ from, to }: ClaimedStretch): void {
    for (let index = from / pieceBytes; index * pieceBytes < to; index++)
      if (this.#pieces[index] === claimed) this.#pieces[index] = missing;
  }

  /**
   * Writes bytes of a stretch: they begin where those before them ended, or at the stretch's beginning.
   *
   * @throws {Fault} exhausted when the disk is full
   */
  async write(at: Bytes, chunks: readonly Uint8Array[]): Promise<void> {
    try {
      const end = await this.#writeAll(at, chunks);
      const before = Math.floor(at / pieceBytes);
      const after = end === this.size ? this.#pieces.length : Math.floor(end / pieceBytes);
      if (after === before) return;
      const marks = new Uint8Array(after - before).fill(whole);
      await this.#file.write(marks, 0, marks.length, this.size + before);
      this.#pieces.fill(whole, before, after);
      this.#advance();
    } catch (cause) {
      throw systemFault(`writing what came to ${this.path}`, cause, { path: this.path });
    }
  }

  async #writeAll(at: Bytes, chunks: readonly Uint8Array[]): Promise<Bytes> {
    const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const { bytesWritten } = await this.#file.writev(chunks, at);
    let done = bytesWritten;
    // A file system that is nearly full takes less than it was given, and says why only when asked again.
    const rest = done < size ? Buffer.concat(chunks) : undefined;
    while (rest !== undefined && done < size)
      done += (await this.#file.write(rest, done, size - done, at + done)).bytesWritten;
    return at + size;
  }

  #advance(): void {
    while (this.#pieces[this.#front] === whole) this.#front++;
    this.growth.bytes = Math.min(this.#front * pieceBytes, this.size);
    this.#grown();
  }

  /** Makes the file what the blob is: it is whole, and verified. */
  async finish(): Promise<void> {
    await this.#file.truncate(this.size);
  }

  /** Closes the file, which stays for the next try. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    await this.#closed();
  }
}
