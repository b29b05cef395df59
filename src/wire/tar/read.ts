import { Fault } from "../../base/fault.ts";
import type { ByteString, TarEntry, TarEntryType, TarSink } from "./entry.ts";
import { cutShort, Feed, type Reading } from "./feed.ts";
import { hasValidChecksum, isZeroBlock, parseHeader, type TarHeader } from "./header.ts";
import { type PaxRecords, parsePaxRecords, paxExtendedAttributes, paxNumber, paxTime } from "./pax.ts";
import { checkSparseMap, readOldSparseMap, readPaxSparseMap, type SparseMap } from "./sparse.ts";

const maxPath = 4096;
const maxPax = 1_048_576;
const maxOwner = 4_294_967_294;

const corrupt = (what: string) => new Fault("corrupt", `not a valid tar: ${what}`);

const types: Readonly<Record<string, TarEntryType>> = {
  "0": "file",
  "7": "file",
  S: "file",
  "1": "hardLink",
  "2": "symbolicLink",
  "3": "characterDevice",
  "4": "blockDevice",
  "5": "directory",
  "6": "fifo",
};

/** What extension headers said about the member that follows them. */
interface Extensions {
  readonly pax?: PaxRecords;
  readonly longName?: ByteString;
  readonly longLink?: ByteString;
}

/**
 * Reads a tar as it comes: v7, ustar, pax, GNU and star, long names, sparse files of all four kinds, numbers in base
 * 256. What it keeps is bounded: names 4096 bytes, extended headers 1 MiB. What follows the end mark is ignored, as by
 * every tar.
 *
 * @throws {Fault} corrupt from `push` and `end`: not a tar, or cut short; invalid: a kind of member that layers don't
 * have; else what the sink throws. It is of no use after that.
 */
export class TarReader {
  readonly #feed = new Feed();
  readonly #reading: Reading<void>;
  #complete: boolean;

  constructor(sink: TarSink) {
    this.#reading = readArchive(this.#feed, sink);
    this.#complete = this.#reading.next().done === true;
  }

  push(chunk: Uint8Array): void {
    if (this.#complete || chunk.length === 0) return;
    this.#feed.push(chunk);
    this.#complete = this.#reading.next().done === true;
  }

  end(): void {
    this.#feed.end();
    while (!this.#complete) this.#complete = this.#reading.next().done === true;
  }
}

function* readArchive(feed: Feed, sink: TarSink): Reading<void> {
  let global: PaxRecords = [];
  let extensions: Extensions = {};
  for (;;) {
    const block = yield* feed.block();
    if (block === undefined) {
      // Some builders leave the end mark out; but extension headers stand for a member to come.
      if (Object.keys(extensions).length > 0) throw cutShort("after an extended header");
      return;
    }
    if (isZeroBlock(block)) return yield* readEndMark(feed);
    const header = parseHeader(block);
    switch (header.flag) {
      case "x":
      case "X":
        extensions = { ...extensions, pax: yield* readPax(header, feed) };
        break;
      case "g":
        global = mergeGlobal(global, yield* readPax(header, feed));
        break;
      case "L":
        extensions = { ...extensions, longName: yield* readLongName(header, feed) };
        break;
      case "K":
        extensions = { ...extensions, longLink: yield* readLongName(header, feed) };
        break;
      default:
        yield* readMember(header, block, withGlobal(extensions, global), feed, sink);
        extensions = {};
    }
  }
}

/** Two zero blocks; a lone one is only fine as the very end. */
function* readEndMark(feed: Feed): Reading<void> {
  const second = yield* feed.block();
  if (second !== undefined && !isZeroBlock(second)) throw corrupt("a zero block between members");
}

function* readPax(header: TarHeader, feed: Feed): Reading<PaxRecords> {
  if (header.size > maxPax) throw corrupt(`an extended header of ${header.size} bytes`);
  return parsePaxRecords(yield* feed.copy(header.size, "an extended header"));
}

function* readLongName(header: TarHeader, feed: Feed): Reading<ByteString> {
  if (header.size > maxPath + 1) throw corrupt(`a name of ${header.size} bytes`);
  const bytes = yield* feed.copy(header.size, "a long name");
  const text = Buffer.from(bytes.buffer).toString("latin1");
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}

/** Later global headers override earlier ones, key by key. */
function mergeGlobal(before: PaxRecords, now: PaxRecords): PaxRecords {
  for (const [key] of now) {
    if (key === "path" || key === "linkpath" || key === "size" || key.startsWith("GNU.sparse."))
      throw corrupt(`a global header gives every member the same "${key}"`);
  }
  const merged = new Map([...before, ...now]);
  let bytes = 0;
  for (const [key, value] of merged) bytes += key.length + value.length;
  if (bytes > maxPax) throw corrupt(`global headers of ${bytes} bytes`);
  return [...merged];
}

function withGlobal(extensions: Extensions, global: PaxRecords): Extensions {
  return global.length === 0 ? extensions : { ...extensions, pax: [...global, ...(extensions.pax ?? [])] };
}

function* readMember(
  header: TarHeader,
  block: Uint8Array,
  extensions: Extensions,
  feed: Feed,
  sink: TarSink,
): Reading<void> {
  const records = new Map(extensions.pax);
  const type = typeOf(header);
  const paxSize = records.get("size");
  const size = paxSize === undefined || paxSize === "" ? header.size : paxNumber(paxSize, "size");
  let map: SparseMap | undefined;
  if (header.flag === "S") map = yield* readOldSparseMap(block, feed);
  else if (type === "file") map = yield* readPaxSparseMap(extensions.pax ?? [], size, feed);
  if (map !== undefined) checkSparseMap(map, size);
  const entry = describe(header, type, extensions, records, map, size);
  sink.entry(entry);
  yield* readContent(entry, extensions, map, size, feed, sink);
  sink.entryEnd();
}

function typeOf(header: TarHeader): TarEntryType {
  const type = types[header.flag];
  if (type === undefined)
    throw new Fault("invalid", `a tar member of the unknown type ${JSON.stringify(header.flag)}`);
  return header.oldFile && header.name.endsWith("/") ? "directory" : type;
}

function* readContent(
  entry: TarEntry,
  extensions: Extensions,
  map: SparseMap | undefined,
  size: number,
  feed: Feed,
  sink: TarSink,
): Reading<void> {
  const what = JSON.stringify(entry.name);
  if (entry.type === "file") {
    for (const run of map?.runs ?? [{ offset: 0, length: size }])
      yield* feed.pass(run.length, what, (piece, done) => sink.data(piece, run.offset + done));
    yield* feed.padding(size, what);
    return;
  }
  // The others have no content, whatever their size says; only a hard link may (pax) or may not (ustar, star).
  if (entry.type !== "hardLink" || size === 0) return;
  const next = yield* feed.block();
  if (next === undefined) return;
  const bare = isZeroBlock(next) ? extensions.pax === undefined : hasValidChecksum(next);
  feed.putBack(next);
  if (bare) return;
  yield* feed.pass(size + ((512 - (size % 512)) % 512), what, () => undefined);
}

function describe(
  header: TarHeader,
  type: TarEntryType,
  extensions: Extensions,
  records: ReadonlyMap<ByteString, ByteString>,
  map: SparseMap | undefined,
  size: number,
): TarEntry {
  const given = (key: string) => records.get(key) || undefined;
  const link = type === "hardLink" || type === "symbolicLink";
  const name = given("GNU.sparse.name") ?? given("path") ?? extensions.longName ?? header.name;
  const accessed = given("atime");
  const modified = given("mtime");
  return {
    type,
    name: checkedName(name, "name"),
    linkName: link ? checkedName(given("linkpath") ?? extensions.longLink ?? header.linkName, "link") : "",
    mode: header.mode,
    uid: owner(given("uid"), header.uid, "uid"),
    gid: owner(given("gid"), header.gid, "gid"),
    modified: modified === undefined ? BigInt(header.modified) * 1_000_000_000n : paxTime(modified, "mtime"),
    accessed: accessed === undefined ? undefined : paxTime(accessed, "atime"),
    size: type === "file" ? (map?.size ?? size) : 0,
    sparse: map?.runs,
    extendedAttributes: paxExtendedAttributes(extensions.pax ?? []),
    deviceMajor: header.deviceMajor,
    deviceMinor: header.deviceMinor,
  };
}

function checkedName(name: ByteString, what: string): ByteString {
  if (name === "") throw corrupt(`a member's ${what} is empty`);
  if (name.length > maxPath) throw corrupt(`a member's ${what} has ${name.length} bytes`);
  if (name.includes("\0")) throw corrupt(`a member's ${what} holds a NUL byte`);
  return name;
}

function owner(pax: ByteString | undefined, inHeader: number, what: string): number {
  const id = pax === undefined ? inHeader : paxNumber(pax, what);
  if (id < 0 || id > maxOwner) throw corrupt(`a ${what} of ${id}`);
  return id;
}
