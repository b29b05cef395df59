import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { isFault } from "../base/fault.ts";
import type { DnsConfig } from "../spec/cri/pod-sandbox-config.ts";
import { podHostname } from "./namespaces.ts";
import type { PodAttempt } from "./parts.ts";
import type { PodSandboxRecord } from "./state.ts";

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

async function nodesOwn(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

/** hostname, hosts, resolv.conf and /dev/shm, which the pod's containers share. */
export async function writePodFiles(record: PodSandboxRecord, attempt: PodAttempt): Promise<void> {
  const { paths, mounts, config } = attempt.host;
  const files = paths.pod(record.id);
  const onNodeNetwork = record.config.security.namespaces.network === "node";
  const hostname = podHostname(record.config);
  const hosts = onNodeNetwork ? await nodesOwn("/etc/hosts") : hostsFile(attempt.network.addresses, hostname);
  const dns = resolvConf(record.config.dns) ?? (await nodesOwn("/etc/resolv.conf"));
  await Promise.all([
    writeFile(files.hostname, `${hostname}\n`, { mode: 0o644 }),
    writeFile(files.hosts, hosts, { mode: 0o644 }),
    writeFile(files.resolvConf, dns, { mode: 0o644 }),
  ]);
  if (record.config.security.namespaces.ipc === "node") return;
  await mkdir(files.shm, { mode: 0o1777 });
  const size = record.config.shmSize ?? config.container.shmSize;
  await mounts.mount("shm", files.shm, "tmpfs", ["nosuid", "nodev", "noexec", "mode=1777", `size=${size}`]);
  await chmod(files.shm, 0o1777);
}

export async function removePodFiles(record: PodSandboxRecord, { host }: PodAttempt): Promise<void> {
  const files = host.paths.pod(record.id);
  try {
    await host.mounts.unmount(files.shm);
  } catch (error) {
    if (!isFault(error, "notFound")) throw error;
  }
  const left = [files.hostname, files.hosts, files.resolvConf, files.shm];
  await Promise.all(left.map((path) => rm(path, { recursive: true, force: true })));
}
