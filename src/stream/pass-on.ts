import type { Readable, Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { claim, letGo } from "../wire/received.ts";
import { SpdyStream } from "../wire/spdy/session.ts";

/**
 * Passes on what is read to its end, at the pace of who takes it; as `pipeline`, but the memory of what has been passed on
 * is given back at once. Ends `to` as well, where `end` says so, and settles when that is done.
 *
 * @throws {Error} when one of the two breaks; `to` is destroyed with `from`, and `from` with `to` where it was to be ended
 */
export async function passOn(from: Readable, to: Writable, { end }: { end: boolean }): Promise<void> {
  const taken = finished(to, { readable: false, cleanup: true });
  const refused = taken.then(() => {
    throw new Error("it was ended before all was passed on");
  });
  refused.catch(() => undefined);
  const pass = (data: Buffer) => {
    if (!write(to, data)) from.pause();
  };
  const resume = () => from.resume();
  to.on("drain", resume);
  from.on("data", pass);
  try {
    await Promise.race([finished(from, { writable: false, cleanup: true }), refused]);
    if (end) {
      to.end();
      await taken;
    }
  } catch (error) {
    if (from.errored !== null || end) to.destroy();
    if (end) from.destroy();
    throw error;
  } finally {
    from.off("data", pass);
    to.off("drain", resume);
  }
}

/** False: wait for `drain`. */
function write(to: Writable, data: Buffer): boolean {
  claim(data);
  if (to instanceof SpdyStream) return to.write(data); // which knows when it has been sent
  return to.write(data, () => letGo(data));
}
