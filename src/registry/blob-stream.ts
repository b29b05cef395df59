import { throwIfEnded } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import type { Bytes, Ms } from "../base/units.ts";
import type { Descriptor } from "../spec/oci-image.ts";
import { type BackOff, waitToRetry } from "./back-off.ts";
import { bodyChunks } from "./body.ts";
import type { HostSession } from "./host-session.ts";
import type { Answered } from "./redirect.ts";
import { showUrl } from "./transport.ts";

/** How often one blob may break off and go on: a host that gives a few bytes each time would never end. */
const resumesMax = 200;

/**
 * A blob's bytes from one host, from `start` on: exactly up to its size, whatever breaks in between. Not
 * verified: whoever reads it compares the digest.
 *
 * @throws what the host said when trying again is of no use
 */
export async function* blobFrom(
  session: HostSession,
  blob: Descriptor,
  start: Bytes,
  patience: { readonly stall: Ms; readonly backOff: BackOff },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let done = start;
  let fruitless = 0;
  for (let resumes = 0; done < blob.size; resumes++) {
    const before = done;
    try {
      for await (const chunk of blobChunks(session, blob, done, patience.stall, signal)) {
        done += chunk.length;
        yield chunk;
      }
      if (done < blob.size)
        throw new Fault("corrupt", `${blob.digest}: ${done} bytes came, ${blob.size} are announced`);
    } catch (error) {
      throwIfEnded(signal, `fetching ${blob.digest}`);
      fruitless = done > before ? 1 : fruitless + 1;
      if (resumes >= resumesMax) throw error;
      await waitToRetry(error, fruitless, patience.backOff, signal);
    }
  }
}

/** One answer's share of the blob. */
async function* blobChunks(
  session: HostSession,
  blob: Descriptor,
  from: Bytes,
  stall: Ms,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const range: Record<string, string> = from === 0 ? {} : { range: `bytes=${from}-` };
  const answered = await session.ask("GET", `blobs/${blob.digest}`, { headers: range }, signal);
  let skip = checkExtent(answered, blob, from);
  let left = blob.size - from;
  for await (const chunk of bodyChunks(answered.answer, answered.url, stall, signal)) {
    const kept = chunk.subarray(Math.min(skip, chunk.length));
    skip -= chunk.length - kept.length;
    left -= kept.length;
    if (left < 0) {
      throw new Fault(
        "corrupt",
        `${showUrl(answered.url)} gives more than the ${blob.size} bytes that were announced`,
      );
    }
    if (kept.length > 0) yield kept;
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
