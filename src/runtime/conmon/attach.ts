import { closeSync, constants, openSync } from "node:fs";
import { PassThrough, type Writable } from "node:stream";
import { Fault } from "../../base/fault.ts";
import { PacketSocket } from "../../linux/packet-socket.ts";
import type { AttachRequest, StreamedProcess } from "../contract.ts";
import type { ConmonParts } from "./parts.ts";
import { WindowSize } from "./window-size.ts";

/** What conmon marks each packet of output with, in its first byte. */
const outputMarks = { stdout: 2, stderr: 3 } as const;

/**
 * Joins the stdio of a container's first process by the socket that its monitor listens on. What it wrote before is not
 * repeated. Input is passed on where the container was created with stdin; its end is, where it was with `stdin_once`.
 *
 * @throws {Fault} wrongState when the container, and its monitor with it, has ended
 */
export function attach(request: AttachRequest, { paths }: Pick<ConmonParts, "paths">): StreamedProcess {
  const { bundle } = paths.container(request.id);
  const socket = connectTo(request, bundle);
  const stdout = request.stdout ? new PassThrough() : undefined;
  const stderr = request.stderr && !request.tty ? new PassThrough() : undefined;
  const windowSize = new WindowSize(bundle);
  const ended = deal(socket, { stdout, stderr });
  return {
    stdin: request.stdin ? socket.output : undefined,
    stdout,
    stderr,
    resize: (size) => windowSize.set(size),
    exited: ended.then(() => undefined),
    async kill() {
      socket.close();
    },
  };
}

function connectTo(request: AttachRequest, bundle: string): PacketSocket {
  try {
    const directory = openSync(bundle, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      return new PacketSocket(`/proc/self/fd/${directory}/attach`); // a socket's path is short, a bundle's need not be
    } finally {
      closeSync(directory);
    }
  } catch (error) {
    throw new Fault(
      "wrongState",
      `container ${request.id} can't be attached to: its monitor does not answer`,
      {
        cause: error,
      },
    );
  }
}

/** Deals packets out to the streams that are wanted. Settles when no more comes. */
async function deal(
  socket: PacketSocket,
  { stdout, stderr }: { stdout: Writable | undefined; stderr: Writable | undefined },
): Promise<void> {
  try {
    for await (const packet of socket.packets as AsyncIterable<Buffer>) {
      const to =
        packet[0] === outputMarks.stdout ? stdout : packet[0] === outputMarks.stderr ? stderr : undefined;
      if (to === undefined || to.destroyed || to.write(packet.subarray(1))) continue;
      await roomIn(to);
    }
  } catch {
    // closed from this side
  } finally {
    stdout?.end();
    stderr?.end();
    socket.close();
  }
}

/** Settles when it takes more, or is gone. */
function roomIn(to: Writable): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      to.off("drain", settle).off("close", settle);
      resolve();
    };
    to.on("drain", settle).on("close", settle);
  });
}
