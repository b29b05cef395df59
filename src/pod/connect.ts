import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { Fault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import type { PodParts } from "./parts.ts";
import { ownContainerId } from "./sandbox-rootfs.ts";
import type { PodSandboxRecord } from "./state.ts";

const highestPort = 65_535;

/** How long a sandbox's runtime may take to make a connection into it. */
const intoSandboxDeadline: Ms = 10_000;

/**
 * A connection to a port at the pod's loopback. Of a sandbox, whose loopback is its own, at the pod's address, and where nobody
 * listens there, at that loopback, if its runtime leads there.
 *
 * @throws {Fault} invalid for what is no port; wrongState for a pod that is not ready; unavailable when nobody listens
 */
export async function connectToPod(
  record: PodSandboxRecord,
  port: number,
  { host }: PodParts,
): Promise<Duplex> {
  if (!Number.isInteger(port) || port < 1 || port > highestPort) {
    throw new Fault("invalid", `${port} is no port: it must be from 1 to ${highestPort}`);
  }
  if (record.state.kind !== "ready") {
    throw new Fault("wrongState", `pod sandbox ${record.id} has no ports: it is ${record.state.kind}`);
  }
  if (record.config.security.namespaces.network === "node")
    return await connectToAny(loopbacks, port, "on the node");
  const netns = join(host.paths.pod(record.id).namespaces, "net");
  const atLoopback = host.namespaces.connectWithin(netns, port);
  if (record.sandboxer === undefined) return await atLoopback;
  // a runtime whose sandbox uses this kernel's network has its loopback here, too
  const { addresses } = record.state.network;
  return await atLoopback.catch(async () => {
    try {
      return await connectToAny(addresses, port, `in pod sandbox ${record.id}`);
    } catch (error) {
      const own = await connectAtOwnLoopback(record, port, host).catch(() => undefined);
      if (own !== undefined) return own;
      throw error;
    }
  });
}

function connectAtOwnLoopback(
  { id, handler }: PodSandboxRecord,
  port: number,
  { runtime }: PodParts["host"],
) {
  const signal = AbortSignal.timeout(intoSandboxDeadline);
  return runtime.connectInSandbox(ownContainerId(id), handler, port, signal);
}

/** Where something on the node may listen: on one family alone, or on both. */
const loopbacks = ["127.0.0.1", "::1"];

async function connectToAny(hosts: readonly string[], port: number, where: string): Promise<Socket> {
  let refused: unknown;
  for (const host of hosts) {
    try {
      return await connectTo(host, port);
    } catch (error) {
      refused ??= error;
    }
  }
  throw new Fault("unavailable", `nothing ${where} answers on port ${port}`, { cause: refused });
}

function connectTo(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}
