import type { Readable, Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bytes, Ms } from "../base/units.ts";
import type { WantedStreams } from "../runtime/contract.ts";
import type { SpdySession, SpdyStream } from "../wire/spdy/session.ts";
import { type Channels, parseTerminalSize, Sizes } from "./channels.ts";
import { type Outcome, statusOf, wordsOf } from "./outcome.ts";

/** How long the client may take to end the connection once it was told how the process ended. */
const goodbyeMs: Ms = 5_000;
/** A size is some thirty bytes. */
const mostOfSize: Bytes = 4096;

/** The streams that a client opens for what it wants (Kubernetes: remotecommand, `streamType`). */
export function expectedStreams(wanted: WantedStreams, protocol: string): Set<string> {
  const names = ["error"];
  if (wanted.stdin) names.push("stdin");
  if (wanted.stdout) names.push("stdout");
  if (wanted.stderr && !wanted.tty) names.push("stderr");
  const sizes = protocol === "v3.channel.k8s.io" || protocol === "v4.channel.k8s.io";
  if (wanted.tty && sizes) names.push("resize");
  return new Set(names);
}

/** The channels of a command over SPDY: each is a stream of its own. `streams` by their type. */
export function spdyChannels(
  session: SpdySession,
  streams: ReadonlyMap<string, SpdyStream>,
  protocol: string,
): Channels {
  const gone = new AbortController();
  void session.closed.then(() => gone.abort());
  const sizes = new Sizes();
  const resizing = streams.get("resize");
  if (resizing !== undefined) void readSizes(resizing, sizes);
  const stdin: Readable | undefined = streams.get("stdin");
  const outputs: readonly (Writable | undefined)[] = [streams.get("stdout"), streams.get("stderr")];
  return {
    stdin,
    stdout: outputs[0],
    stderr: outputs[1],
    onResize: (take) => sizes.onResize(take),
    gone: gone.signal,
    async finish(outcome: Outcome) {
      const error = streams.get("error");
      for (const output of outputs) output?.end();
      error?.end(protocol === "v4.channel.k8s.io" ? statusOf(outcome) : wordsOf(outcome));
      const sent = [...outputs, error].map((stream) => stream && finished(stream, { readable: false }));
      await Promise.race([Promise.allSettled(sent), session.closed]);
      session.close();
      const patience = sleep(goodbyeMs, undefined, { ref: false });
      await Promise.race([session.closed, patience]);
      session.destroy();
    },
  };
}

/** One JSON object after the other, wherever the frames cut them. */
async function readSizes(stream: Readable, sizes: Sizes): Promise<void> {
  let text = "";
  try {
    for await (const data of stream) {
      text += String(data);
      for (let end = text.indexOf("}"); end >= 0; end = text.indexOf("}")) {
        sizes.add(parseTerminalSize(text.slice(0, end + 1)));
        text = text.slice(end + 1);
      }
      if (text.length > mostOfSize) return;
    }
  } catch {
    // the client is gone
  }
}
