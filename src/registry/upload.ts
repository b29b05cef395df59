import { throwIfEnded } from "../base/deadline.ts";
import { Fault, isFault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import type { Bytes } from "../base/units.ts";
import { Refused } from "./answer.ts";
import { type BackOff, retrying, waitToRetry } from "./back-off.ts";
import type { HostSession } from "./host-session.ts";
import { type Answered, drain } from "./redirect.ts";
import { showUrl } from "./transport.ts";

/** Blobs up to this size go in one request: to send one again costs less than to ask how far it came. */
const wholeMax: Bytes = 1 << 20;

/** A blob on its way to a registry. */
export interface UploadedBlob {
  readonly digest: Digest;
  readonly size: Bytes;
  /** Its bytes from the first on; asked for again when a connection broke. */
  open(): AsyncIterable<Uint8Array>;
}

/** Told how many bytes are on their way or there; it may go back when a connection broke. */
export type Moved = (sent: Bytes) => void;

/** How each request of an upload is made. */
export interface UploadManner {
  readonly backOff: BackOff;
  /** What a token must be good for. */
  readonly scope: string;
}

/** The blob's own bytes could not be read: no fault of the host that they were for. */
export class UnreadableBlob extends Error {
  override readonly name = "UnreadableBlob";
}

/** True if the repository has the blob (distribution spec v1.1, pulling blobs: HEAD). @throws as `HostSession.ask` does */
export async function hasBlob(
  session: HostSession,
  digest: Digest,
  scope: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    drain((await session.ask("HEAD", `blobs/${digest}`, { scope }, signal)).answer);
    return true;
  } catch (error) {
    if (isFault(error, "notFound")) return false;
    throw error;
  }
}

/** Begins an upload (distribution spec v1.1, pushing blobs). @returns where it goes on */
export async function beginUpload(session: HostSession, scope: string, signal: AbortSignal): Promise<URL> {
  const headers = { "content-length": "0" };
  const begun = await session.ask("POST", "blobs/uploads/", { headers, scope }, signal);
  drain(begun.answer);
  return locationOf(begun);
}

/**
 * Asks the registry to take a blob from another repository of its own, or else to begin an upload.
 *
 * @returns where the upload goes on; undefined when the blob is there now
 */
export async function mountBlob(
  session: HostSession,
  mount: { readonly digest: Digest; readonly from: string },
  scope: string,
  signal: AbortSignal,
): Promise<URL | undefined> {
  const query = new URLSearchParams({ mount: mount.digest, from: mount.from });
  const headers = { "content-length": "0" };
  const begun = await session.ask("POST", `blobs/uploads/?${query}`, { headers, scope }, signal);
  drain(begun.answer);
  return begun.answer.statusCode === 201 ? undefined : locationOf(begun);
}

/**
 * Sends a blob, and has the registry verify it. After a break it goes on where the registry says that it stopped.
 *
 * @param at where the upload that was begun goes on
 * @throws what the host said when trying again is of no use; {UnreadableBlob}
 */
export async function uploadBlob(
  session: HostSession,
  at: URL,
  blob: UploadedBlob,
  { backOff, scope }: UploadManner,
  moved: Moved,
  signal: AbortSignal,
): Promise<void> {
  let [location, start] = [at, 0];
  for (let fruitless = 0; ; ) {
    const body = new Body(blob, start, moved);
    try {
      if (blob.size > wholeMax && start < blob.size)
        location = await sendRest(session, location, body, scope, signal);
      await finish(session, location, body, scope, signal);
      return;
    } catch (error) {
      throwIfEnded(signal, `uploading ${blob.digest}`);
      if (body.failure !== undefined) throw body.failure;
      fruitless += 1;
      await waitToRetry(error, fruitless, backOff, signal);
      if (await retrying(() => hasBlob(session, blob.digest, scope, signal), backOff, signal)) return;
      const stand = await retrying(() => standing(session, location, blob, scope, signal), backOff, signal);
      if (stand.start > start) fruitless = 0;
      ({ location, start } = stand);
    }
  }
}

/** The blob's bytes from `start` on, however often they are sent. */
class Body {
  readonly blob: UploadedBlob;
  readonly start: Bytes;
  readonly #moved: Moved;
  failure: UnreadableBlob | undefined;

  constructor(blob: UploadedBlob, start: Bytes, moved: Moved) {
    this.blob = blob;
    this.start = start;
    this.#moved = moved;
  }

  readonly bytes = async function* (this: Body): AsyncGenerator<Uint8Array> {
    let at = 0;
    try {
      for await (const chunk of this.blob.open()) {
        const rest = chunk.subarray(Math.max(0, Math.min(chunk.length, this.start - at)));
        at += chunk.length;
        if (rest.length > 0) yield rest;
        this.#moved(Math.max(at, this.start));
      }
    } catch (error) {
      this.failure = new UnreadableBlob(`reading ${this.blob.digest}`, { cause: error });
      throw error;
    }
  }.bind(this);
}

/** @returns where the upload goes on */
async function sendRest(
  session: HostSession,
  location: URL,
  { blob, start, bytes }: Body,
  scope: string,
  signal: AbortSignal,
): Promise<URL> {
  const headers = {
    "content-type": "application/octet-stream",
    "content-length": String(blob.size - start),
    // Of a whole blob Docker sends none, and some registries know no other client.
    ...(start === 0 ? {} : { "content-range": `${start}-${blob.size - 1}` }),
  };
  const sent = await session.ask("PATCH", location, { headers, body: bytes, scope }, signal);
  drain(sent.answer);
  return locationOf(sent);
}

/** Names the digest; what is small comes along. */
async function finish(
  session: HostSession,
  location: URL,
  { blob, bytes }: Body,
  scope: string,
  signal: AbortSignal,
): Promise<void> {
  const end = new URL(location);
  // Added as text: what is there may be signed as it is written.
  end.search += `${end.search === "" ? "?" : "&"}digest=${encodeURIComponent(blob.digest)}`;
  const whole = blob.size <= wholeMax;
  const headers = {
    "content-type": "application/octet-stream",
    "content-length": String(whole ? blob.size : 0),
  };
  const request = { headers, scope, ...(whole ? { body: bytes } : {}) };
  drain((await session.ask("PUT", end, request, signal)).answer);
}

/** Where an upload goes on after a break; from its start if it is small, or the registry has forgotten it. */
async function standing(
  session: HostSession,
  location: URL,
  blob: UploadedBlob,
  scope: string,
  signal: AbortSignal,
): Promise<{ location: URL; start: Bytes }> {
  try {
    const stand = blob.size > wholeMax ? await session.ask("GET", location, { scope }, signal) : undefined;
    if (stand !== undefined) drain(stand.answer);
    const last = /^(?:bytes=)?0-([0-9]{1,15})$/.exec(stand?.answer.headers.range ?? "")?.[1];
    // An upload that holds nothing is told as 0-0, too.
    if (stand !== undefined && last !== undefined && last !== "0")
      return { location: locationOf(stand, location), start: Number(last) + 1 };
  } catch (error) {
    if (!(error instanceof Refused) || isFault(error, "unavailable")) throw error;
  }
  return { location: await beginUpload(session, scope, signal), start: 0 };
}

function locationOf({ answer, url }: Answered, known?: URL): URL {
  const { location } = answer.headers;
  if (location === undefined && known !== undefined) return known;
  if (location === undefined || !URL.canParse(location, url.href))
    throw new Fault("corrupt", `${showUrl(url)} doesn't say where the upload goes on`);
  return new URL(location, url);
}
