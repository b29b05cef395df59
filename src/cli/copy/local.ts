import { packTree } from "../../copy/pack.ts";
import { TreeWriter } from "../../copy/unpack.ts";
import { openDirectory } from "../../linux/open-beneath.ts";
import type { ByteString } from "../../wire/tar/entry.ts";
import { TarReader } from "../../wire/tar/read.ts";
import { printable } from "../output/table.ts";

/** Says what is left out of a copy. */
function tellSkipped(path: string, what: string): void {
  process.stderr.write(`berth: ${printable(path)} is ${what}: left out\n`);
}

/** What lies at a path of this machine, as a tar. @throws {Fault} at once when it is not there */
export function localTar(path: string, followLink: boolean, rename?: ByteString): Iterable<Uint8Array> {
  const root = openDirectory("/");
  const options = { followLink, ids: undefined, skipped: tellSkipped, ...(rename && { rename }) };
  const pieces = packTree(root.fd, path, options);
  const first = pieces.next(); // before anything is asked of the runtime
  return (function* () {
    using _root = root;
    if (!first.done) yield first.value;
    yield* pieces;
  })();
}

/** Takes a tar, piece by piece, whose files go to a path of this machine. */
export class LocalTarget implements Disposable {
  readonly #root = openDirectory("/");
  readonly #writer: TreeWriter;
  readonly #reader: TarReader;

  /** `archive`: with the tar's owners; else all belongs to the user. */
  constructor(path: string, archive: boolean) {
    this.#writer = new TreeWriter(this.#root.fd, path, {
      owner: archive ? "archive" : undefined,
      ids: undefined,
      extract: false,
      followLinks: false, // what comes from a container is not trusted
      skipped: tellSkipped,
    });
    this.#reader = new TarReader(this.#writer);
  }

  push(piece: Uint8Array): void {
    this.#reader.push(piece);
  }

  /** To be called once, when all came and its sender says that all went well. */
  finish(): void {
    this.#reader.end();
    this.#writer.finish();
  }

  [Symbol.dispose](): void {
    this.#writer[Symbol.dispose]();
    this.#root[Symbol.dispose]();
  }
}
