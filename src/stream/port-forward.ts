import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { PodSandboxId } from "../base/ids.ts";
import { SpdySession, type SpdyStream } from "../wire/spdy/session.ts";
import type { StreamTargets } from "./contract.ts";
import { joinPort } from "./join-port.ts";
import type { StreamParts } from "./upgrade.ts";

/** Two for each connection. */
const mostStreams = 2048;

interface Halves {
  data?: SpdyStream;
  error?: SpdyStream;
}

/**
 * Forwards connections to ports of a pod: each is a pair of streams of one `requestid`, `data` both ways and `error` for
 * what went wrong (Kubernetes: portforward.k8s.io). Settles when the client is gone.
 */
export async function forwardPorts(
  socket: Duplex,
  id: PodSandboxId,
  { targets, settings }: Pick<StreamParts, "targets" | "settings">,
): Promise<void> {
  const waiting = new Map<string, Halves>();
  const session = new SpdySession(socket, {
    side: "server",
    mostStreams,
    onStream(stream) {
      const type = stream.headers.get("streamtype");
      if (type !== "data" && type !== "error") {
        stream.destroy();
        return;
      }
      // old clients send no request id: their pairs have neighbouring numbers
      const request =
        stream.headers.get("requestid") ?? `stream ${type === "error" ? stream.id : stream.id - 2}`;
      const halves = waiting.get(request) ?? {};
      halves[type]?.destroy();
      halves[type] = stream;
      waiting.set(request, halves);
      const { data, error } = halves;
      if (data !== undefined && error !== undefined) {
        waiting.delete(request);
        void forward(data, error, id, targets);
        return;
      }
      void sleep(settings.creationTimeout, undefined, { ref: false }).then(() => {
        if (waiting.get(request) !== halves) return;
        waiting.delete(request);
        stream.destroy();
      });
    },
  });
  await session.closed;
}

async function forward(
  data: SpdyStream,
  error: SpdyStream,
  id: PodSandboxId,
  targets: Pick<StreamTargets, "connect">,
): Promise<void> {
  error.resume();
  const port = Number(data.headers.get("port") ?? error.headers.get("port"));
  error.end(await joinPort({ port, sent: data, answer: data }, id, targets));
  data.destroy(); // nothing where it has ended both ways
}
