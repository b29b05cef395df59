import { Fault } from "../../base/fault.ts";
import { BootstrapResult } from "../../wire/gen/shim-bootstrap.v1.ts";

/** How a shim is reached, and which of the task services it has. */
export interface ShimAddress {
  /** Of its unix socket. */
  readonly socket: string;
  readonly version: 2 | 3;
}

/**
 * Reads what a shim's `start` prints: the plain address of one that knows version 2 alone; JSON with version, address and
 * protocol; or the same as protobuf (containerd 2.3).
 *
 * @throws {Fault} internal for what is no address; unimplemented for a version or protocol that berth does not speak
 */
export function parseBootstrap(output: Uint8Array): ShimAddress {
  const text = Buffer.from(output).toString("utf8").trim();
  const { version = 2, address, protocol = "ttrpc" } = parsed(text, output);
  if (version !== 2 && version !== 3) {
    throw new Fault(
      "unimplemented",
      `the shim speaks version ${String(version)} of the task service, not 2 or 3`,
    );
  }
  if (protocol !== "ttrpc")
    throw new Fault("unimplemented", `the shim speaks ${String(protocol)}, not ttrpc`);
  const socket = typeof address === "string" ? address.replace(/^unix:\/\//, "") : "";
  if (!socket.startsWith("/") || /[\0\n]/.test(socket)) {
    throw new Fault("internal", `the shim named no socket: ${JSON.stringify(text.slice(0, 200))}`);
  }
  return { socket, version };
}

interface Said {
  readonly version?: unknown;
  readonly address?: unknown;
  readonly protocol?: unknown;
}

function parsed(text: string, output: Uint8Array): Said {
  if (text.startsWith("unix:") || text.startsWith("/")) return { address: text };
  try {
    return text.startsWith("{") ? (JSON.parse(text) as Said) : BootstrapResult.decode(output);
  } catch (error) {
    throw new Fault("internal", `the shim's answer can't be read: ${JSON.stringify(text.slice(0, 200))}`, {
      cause: error,
    });
  }
}
