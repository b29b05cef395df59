import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";

const lowestPort = 10_000;

/**
 * Takes something for this process that this machine has but once, such as a port or a subnet, from all who ask in this way, until it
 * ends: by a socket of that name (unix(7), abstract), which nothing is left of. @returns false where another has it
 */
export function claim(what: string): boolean {
  const server = createServer().unref();
  server.on("error", () => undefined);
  server.listen(`\0berth-test ${what}`);
  return server.listening; // the name is bound at once, or refused
}

/**
 * A port for a program that has to be told of one before it listens. Below those that the kernel gives to whoever asks for any, so that
 * neither a server nor a client takes it meanwhile.
 */
export async function ownPort(): Promise<number> {
  const [kernels = 0] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "latin1")
    .split(/\s+/)
    .map(Number);
  for (;;) {
    const port = randomInt(lowestPort, kernels);
    if (claim(`port ${port}`) && (await isFree(port))) return port;
  }
}

/** Whether no other program listens there, on any address. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.once("error", () => resolve(false));
  server.listen(port, "0.0.0.0", () => server.close(() => resolve(true)));
  return await promise;
}
