import { readFileSync } from "node:fs";
import { isFault } from "../base/fault.ts";
import type { DnsConfig } from "../spec/cri/pod-sandbox-config.ts";
import { podHostname } from "./namespaces.ts";
import type { PodAttempt } from "./parts.ts";
import type { PodSandboxRecord } from "./state.ts";
import { podRoot } from "./user-namespace.ts";

/** resolv.conf(5) for the pod; undefined: the node's own. */
function resolvConf(dns: DnsConfig | undefined): string | undefined {
  if (dns === undefined) return undefined;
  const lines = [
    ...(dns.searches.length > 0 ? [`search ${dns.searches.join(" ")}`] : []),
    ...dns.servers.map((server) => `nameserver ${server}`),
    ...(dns.options.length > 0 ? [`options ${dns.options.join(" ")}`] : []),
  ];
  return lines.length === 0 ? undefined : `${lines.join("\n")}\n`;
}

/** hosts(5) for a pod with a network of its own: its addresses lead to its name. */
function hostsFile(addresses: readonly string[], hostname: string): string {
  return [
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "fe00::0\tip6-mcastprefix",
    "fe00::1\tip6-allnodes",
    "fe00::2\tip6-allrouters",
    ...addresses.map((address) => `${address}\t${hostname}`),
    "",
  ].join("\n");
}

function nodesOwn(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

/** hostname, hosts, resolv.conf and /dev/shm, which the pod's containers share. */
export async function writePodFiles(record: PodSandboxRecord, attempt: PodAttempt): Promise<void> {
  const { paths, files, mounts, config } = attempt.host;
  const { hostname, hosts, resolvConf: dns, shm } = paths.pod(record.id);
  const { network, ipc } = record.config.security.namespaces;
  const name = podHostname(record.config);
  const hostsText = network === "node" ? nodesOwn("/etc/hosts") : hostsFile(attempt.network.addresses, name);
  const dnsText = resolvConf(record.config.dns) ?? nodesOwn("/etc/resolv.conf");
  const ownShm = ipc !== "node";
  const owner = podRoot(record.config);
  await files.change([
    { change: "write", path: hostname, text: `${name}\n`, mode: 0o644, owner },
    { change: "write", path: hosts, text: hostsText, mode: 0o644, owner },
    { change: "write", path: dns, text: dnsText, mode: 0o644, owner },
    ...(ownShm ? [{ change: "makeDirectory", path: shm, mode: 0o1777 } as const] : []),
  ]);
  if (!ownShm) return;
  const size = record.config.shmSize ?? config.container.shmSize;
  const owned = owner === undefined ? [] : [`uid=${owner.uid}`, `gid=${owner.gid}`];
  const options = ["nosuid", "nodev", "noexec", "mode=1777", `size=${size}`, ...owned];
  await mounts.mount("shm", shm, "tmpfs", options);
}

/** Unmounts the shared memory, and removes the files. Succeeds when there are none. */
export async function removePodFiles(record: PodSandboxRecord, { host }: PodAttempt): Promise<void> {
  const { hostname, hosts, resolvConf: dns, shm } = host.paths.pod(record.id);
  try {
    await host.mounts.unmount(shm);
  } catch (error) {
    if (!isFault(error, "notFound")) throw error;
  }
  const left = [hostname, hosts, dns];
  await host.files.change([
    ...left.map((path) => ({ change: "remove", path }) as const),
    { change: "removeTree", path: shm },
  ]);
}
