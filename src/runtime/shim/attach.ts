import { attach } from "../conmon/attach.ts";
import type { AttachRequest, StreamedProcess } from "../contract.ts";
import { readMarker } from "./marker.ts";
import type { ShimParts } from "./parts.ts";
import { shimOf } from "./task-calls.ts";

/**
 * Joins the stdio of a container's first process by the keeper of its output. Its terminal is the shim's, and so is its input
 * when that is to end with the first who was attached.
 *
 * @throws {Fault} wrongState when the container has ended
 */
export async function attachByShim(
  request: AttachRequest,
  parts: ShimParts,
  signal: AbortSignal,
): Promise<StreamedProcess> {
  const { id } = request;
  const { calls } = await shimOf(id, parts, signal);
  const attached = attach(request, parts);
  const closeInput = () => void calls.closeIo({ id, stdin: true }).catch(() => undefined); // it has ended
  if (request.stdin && readMarker(id, parts.paths)?.stdinOnce === true) {
    attached.stdin?.once("finish", closeInput);
    void attached.exited.then(closeInput);
  }
  return {
    ...attached,
    resize({ columns: width, rows: height }) {
      void calls.resizePty({ id, width, height }).catch(() => undefined); // it has ended
    },
  };
}
