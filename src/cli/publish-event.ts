import { buffer } from "node:stream/consumers";
import { Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import { EventBody, EventsService } from "../wire/gen/shim-events.v1.ts";
import { TtrpcClient } from "../wire/ttrpc/client.ts";

const deadline: Ms = 10_000;

/**
 * Passes an event, encoded on stdin, on to the daemon. `-address <the daemon's socket> publish -topic <topic> -namespace <name>`
 *
 * @throws {Fault} invalid; unavailable when the daemon takes no events
 */
export async function publishEvent(args: readonly string[]): Promise<void> {
  const [address, topic] = [flagIn(args, "address"), flagIn(args, "topic")];
  if (address === undefined || topic === undefined) {
    throw new Fault("invalid", "publish: -address and -topic are needed");
  }
  const event = EventBody.decode(await buffer(process.stdin));
  const signal = AbortSignal.timeout(deadline);
  using client = await TtrpcClient.connect(`${address.replace(/^unix:\/\//, "")}.ttrpc`, signal);
  const now = Date.now();
  const timestamp = { seconds: BigInt(Math.floor(now / 1000)), nanos: (now % 1000) * 1e6 };
  const envelope = { timestamp, namespace: flagIn(args, "namespace") ?? "", topic, event };
  await client.calls(EventsService).forward({ envelope }, { timeout: deadline });
}

function flagIn(args: readonly string[], name: string): string | undefined {
  for (const [index, arg] of args.entries()) {
    const [, value] = new RegExp(`^--?${name}=(.*)$`, "s").exec(arg) ?? [];
    if (value !== undefined) return value;
    if (arg === `-${name}` || arg === `--${name}`) return args[index + 1];
  }
  return undefined;
}
