import { isIPv4, isIPv6 } from "node:net";
import { isAbsolute, resolve } from "node:path";
import { InvalidArgumentError } from "commander";
import { Mount, MountPropagation, type PortMapping, Protocol } from "../wire/gen/runtime.v1.ts";

const protocols: Readonly<Record<string, Protocol>> = {
  tcp: Protocol.TCP,
  udp: Protocol.UDP,
  sctp: Protocol.SCTP,
};

/** `[[address:]hostPort:]containerPort[/protocol]`, as docker's --publish. @throws {InvalidArgumentError} */
export function parsePort(text: string): PortMapping {
  const match = /^(?:(?:(\[[^\]]+\]|[^:[\]]+):)?(\d+):)?(\d+)(?:\/(\w+))?$/.exec(text);
  const [, address = "", host = "0", container = "0", protocolName = "tcp"] = match ?? [];
  const hostIp = address.replace(/^\[|\]$/g, "");
  const protocol = protocols[protocolName];
  const portsAreSound = [host, container].every((port) => Number(port) <= 65_535) && Number(container) > 0;
  const addressIsSound = hostIp === "" || isIPv4(hostIp) || isIPv6(hostIp);
  if (match === null || protocol === undefined || !portsAreSound || !addressIsSound) {
    throw new InvalidArgumentError(`"${text}" is not [[address:]hostPort:]containerPort[/tcp|udp|sctp]`);
  }
  return { protocol, hostPort: Number(host), containerPort: Number(container), hostIp };
}

const propagations: Readonly<Record<string, MountPropagation>> = {
  private: MountPropagation.PROPAGATION_PRIVATE,
  rslave: MountPropagation.PROPAGATION_HOST_TO_CONTAINER,
  rshared: MountPropagation.PROPAGATION_BIDIRECTIONAL,
};

/** `host:container[:ro,rslave,…]`, as docker's --volume. @throws {InvalidArgumentError} */
export function parseVolume(text: string): Mount {
  const [hostPath = "", containerPath = "", options = "", ...rest] = text.split(":");
  const words = options.split(",").filter((word) => word !== "" && word !== "rw");
  const unknown = words.find((word) => word !== "ro" && propagations[word] === undefined);
  if (hostPath === "" || !isAbsolute(containerPath) || rest.length > 0 || unknown !== undefined) {
    throw new InvalidArgumentError(`"${text}" is not host:/container[:ro|rw,private|rslave|rshared]`);
  }
  const propagation = words.map((word) => propagations[word]).find((at) => at !== undefined);
  return Mount.create({
    hostPath: resolve(hostPath),
    containerPath,
    readonly: words.includes("ro"),
    propagation: propagation ?? MountPropagation.PROPAGATION_PRIVATE,
  });
}

/** `KEY=value`, or `KEY` for its value in this environment. @throws {InvalidArgumentError} */
export function parseEnv(text: string): { key: string; value: Buffer } {
  const at = text.indexOf("=");
  const key = at === -1 ? text : text.slice(0, at);
  if (key === "") throw new InvalidArgumentError(`"${text}" is not KEY=value`);
  return { key, value: Buffer.from(at === -1 ? (process.env[key] ?? "") : text.slice(at + 1)) };
}
