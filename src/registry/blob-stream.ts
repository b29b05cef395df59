import { throwIfEnded } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import type { Bytes, Ms } from "../base/units.ts";
import type { Descriptor } from "../spec/oci-image.ts";
import { Refused } from "./answer.ts";
import { type BackOff, waitToRetry } from "./back-off.ts";
import { bodyBatches } from "./body.ts";
import type { HostSession } from "./host-session.ts";
import type { Answered } from "./redirect.ts";
import { showUrl } from "./transport.ts";

/** How often one stretch may break off and go on: a host that gives a few bytes each time would never end. */
const resumesMax = 200;

/** A part of a blob. */
export interface Stretch {
  readonly from: Bytes;
  /** Exclusive. It may be moved further while the stretch is read. */
  readonly to: Bytes;
}

/** How a host is dealt with that does not do as it should. */
export interface Patience {
  readonly stall: Ms;
  readonly backOff: BackOff;
}

/**
 * A stretch of a blob from one host: exactly these bytes, whatever breaks in between; each time those that have come
 * meanwhile. Not verified: whoever reads the blob compares the digest.
 *
 * @param whole called when the host gives whole blobs only: it sends all the rest, which `stretch` may be widened to
 * @throws what the host said when trying again is of no use
 */
export async function* blobFrom(
  session: HostSession,
  blob: Descriptor,
  stretch: Stretch,
  patience: Patience,
  whole: () => void,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array[], void, undefined> {
  let done = stretch.from;
  let fruitless = 0;
  for (let resumes = 0; done < stretch.to; resumes++) {
    const before = done;
    try {
      for await (const batch of blobBatches(session, blob, done, stretch, patience.stall, whole, signal)) {
        for (const chunk of batch) done += chunk.length;
        yield batch;
      }
      if (done === before)
        throw new Fault("corrupt", `${blob.digest}: ${done} bytes came, ${blob.size} are announced`);
    } catch (error) {
      throwIfEnded(signal, `fetching ${blob.digest}`);
      fruitless = done > before ? 1 : fruitless + 1;
      if (resumes >= resumesMax) throw error;
      await waitToRetry(error, fruitless, patience.backOff, signal);
    }
  }
}

/** One answer's share of the stretch. */
async function* blobBatches(
  session: HostSession,
  blob: Descriptor,
  from: Bytes,
  stretch: Stretch,
  stall: Ms,
  whole: () => void,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array[], void, undefined> {
  const answered = await askFor(session, blob, { from, to: stretch.to }, signal);
  let skip = checkExtent(answered, blob, from);
  if (answered.answer.statusCode !== 206) whole();
  let at = from;
  for await (const batch of bodyBatches(answered.answer, answered.url, stall, signal)) {
    const kept: Uint8Array[] = [];
    for (const chunk of batch) {
      const wanted = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - wanted.length;
      at += wanted.length;
      if (wanted.length > 0) kept.push(wanted);
    }
    if (at > stretch.to) {
      throw new Fault(
        "corrupt",
        `${showUrl(answered.url)} gives more than the ${blob.size} bytes that were announced`,
      );
    }
    if (kept.length > 0) yield kept;
  }
}

/** What hosts answer, besides 416, to who asks for a range that they could give, and would not. */
const noRanges = [400, 416, 501];

async function askFor(
  session: HostSession,
  blob: Descriptor,
  { from, to }: Stretch,
  signal: AbortSignal,
): Promise<Answered> {
  const ask = (headers: Record<string, string>) =>
    session.ask("GET", `blobs/${blob.digest}`, { headers }, signal);
  if (from === 0 && to === blob.size) return ask({});
  try {
    return await ask({ range: `bytes=${from}-${to === blob.size ? "" : to - 1}` });
  } catch (error) {
    if (error instanceof Refused && noRanges.includes(error.status)) return ask({});
    throw error;
  }
}

/**
 * Compares what the answer says of its extent with what was asked.
 *
 * @returns how many bytes of it we have already
 */
function checkExtent({ answer, url }: Answered, blob: Descriptor, from: Bytes): Bytes {
  const length = answer.headers["content-length"];
  const partial = answer.statusCode === 206;
  const range = /^bytes ([0-9]+)-[0-9]+\/([0-9]+|\*)$/.exec(answer.headers["content-range"] ?? "");
  const begin = partial ? Number(range?.[1] ?? Number.NaN) : 0;
  const total = partial
    ? range?.[2] === "*"
      ? blob.size
      : Number(range?.[2] ?? Number.NaN)
    : Number(length ?? blob.size);
  if (begin <= from && total === blob.size && (begin === from || !partial)) return from - begin;
  answer.destroy();
  const said = partial ? `the range ${answer.headers["content-range"] ?? "unnamed"}` : `${total} bytes`;
  throw new Fault("corrupt", `${showUrl(url)} gives ${said} of ${blob.size} bytes that were announced`);
}
