import { check, type libc } from "./libc.ts";
import { Turns } from "./turns.ts";

/**
 * Of the pool's four threads one stays free for files; koffi itself refuses more than 256 calls in flight.
 */
const callsAtOnce = 3;
const turns = new Turns(callsAtOnce);

/**
 * Makes a C call that may block on a thread of the pool, and waits for it. Only for calls that do not change
 * what belongs to the thread itself (unshare, setns).
 *
 * @param on what it is done to, for the message
 * @throws {SystemCallError} when it says -1
 */
export function callOnPool(
  call: ReturnType<typeof libc.func>,
  name: string,
  on: string,
  ...args: unknown[]
): Promise<number> {
  return turns.take(
    () =>
      new Promise<number>((resolve, reject) => {
        call.async(...args, (error: unknown, result: number | bigint) => {
          try {
            if (error !== null) throw error;
            resolve(check(Number(result), name, on)); // koffi hands the thread's errno over to this callback
          } catch (failure) {
            reject(failure);
          }
        });
      }),
  );
}
