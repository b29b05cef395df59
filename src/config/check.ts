import { isAbsolute } from "node:path";
import { maxSocketPath, parseListenAddress } from "./listen-address.ts";
import type { Origins } from "./merge.ts";
import type { Config, RuntimeHandlerConfig } from "./schema.ts";
import { genericOptions, isRuncShim, runcOptions } from "./shim-program.ts";
import { isOwnSnapshotter, knownSnapshotters } from "./snapshotter-names.ts";

/** What is wrong with settings that are sound one by one; a line each, naming where the setting came from. */
export function checkConfig(config: Config, origins: Origins): string[] {
  const problems: string[] = [];
  const refuse = (key: string, why: string) => problems.push(`${origins.get(key)}: ${key} ${why}`);
  const { root, state, grpc, kubelet, metrics, streaming, runtime, cgroup } = config;

  if (within(root, state) || within(state, root)) {
    refuse(origins.get("state") === "default" ? "root" : "state", "and root must not lie in one another");
  }
  if (Buffer.byteLength(grpc.socket) > maxSocketPath) {
    refuse("grpc.socket", `must be at most ${maxSocketPath} bytes long: ${grpc.socket}`);
  }
  const longest = maxSocketPath - ".new".length;
  if (Buffer.byteLength(kubelet.crioSocket) > longest) {
    refuse("kubelet.crioSocket", `must be at most ${longest} bytes long: ${kubelet.crioSocket}`);
  }
  if (kubelet.cadvisor === "crio" && kubelet.crioSocket === grpc.socket) {
    refuse(
      "grpc.socket",
      `is kubelet.crioSocket, where the CRI is served as well: leave ${grpc.socket} to that`,
    );
  }
  if (metrics.address !== "") {
    const address = parseListenAddress(metrics.address);
    if (typeof address === "string") refuse("metrics.address", address);
    else if ("socket" in address && address.socket === grpc.socket) {
      refuse("metrics.address", `is the CRI's own socket (grpc.socket): ${address.socket}`);
    }
  }
  checkStreaming(streaming, refuse);
  checkSysctls(config.container.sysctls, refuse);
  checkRdt(config.rdt, refuse);
  for (const [key, path] of [
    ["blockio.file", config.blockio.file],
    ["policy.file", config.policy.file],
    ["policy.verifiers.directory", config.policy.verifiers.directory],
  ] as const) {
    if (path !== "" && !isAbsolute(path)) refuse(key, `must be an absolute path: ${path}`);
  }
  if (!Object.hasOwn(runtime.handlers, runtime.default)) {
    const names = Object.keys(runtime.handlers);
    refuse("runtime.default", `is "${runtime.default}", which is no handler; there are ${names.join(", ")}`);
  }
  checkSnapshotters(config, refuse);
  for (const [name, { binary }] of Object.entries(runtime.handlers)) {
    if (binary === "" || (binary.includes("/") && !binary.startsWith("/"))) {
      refuse(`runtime.handlers.${name}.binary`, "must be a name or an absolute path");
    }
  }
  for (const [name, handler] of Object.entries(runtime.handlers)) {
    if (handler.baseSpec !== "" && !isAbsolute(handler.baseSpec))
      refuse(`runtime.handlers.${name}.baseSpec`, `must be an absolute path: ${handler.baseSpec}`);
    checkShim(handler, cgroup.driver, (key, why) => refuse(`runtime.handlers.${name}.${key}`, why));
  }
  const wanted = cgroup.driver === "systemd" ? /^[^/]+\.slice$/ : /^\/[^/]/;
  if (!wanted.test(cgroup.parent)) {
    const form = cgroup.driver === "systemd" ? "a slice's name, as in berth.slice" : "a path, as in /berth";
    refuse("cgroup.parent", `must be ${form}, with the driver ${cgroup.driver}: ${cgroup.parent}`);
  }
  return problems;
}

function checkRdt({ classes }: Config["rdt"], refuse: (key: string, why: string) => void): void {
  for (const [name, { l3, memoryBandwidth }] of Object.entries(classes)) {
    if (!/^$|^L3(CODE|DATA)?:\S+(\nL3(CODE|DATA)?:\S+)?$/.test(l3))
      refuse(`rdt.classes.${name}.l3`, `must be a line of schemata, as in "L3:0=f;1=f": ${l3}`);
    if (!/^$|^MB:\S+$/.test(memoryBandwidth))
      refuse(
        `rdt.classes.${name}.memoryBandwidth`,
        `must be a line of schemata, as in "MB:0=50;1=50": ${memoryBandwidth}`,
      );
  }
}

/** Those of the node would be set for every pod. */
function checkSysctls(
  sysctls: Config["container"]["sysctls"],
  refuse: (key: string, why: string) => void,
): void {
  for (const name of Object.keys(sysctls)) {
    if (!/^(net\.|kernel\.(shm|msg|sem)|fs\.mqueue\.)[\w./-]+$/.test(name) && name !== "kernel.sem")
      refuse(
        "container.sysctls",
        `has "${name}", which is no setting of a namespace (net.*, kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.*)`,
      );
  }
}

function checkShim(
  { type, runtimePath, options, sandboxer }: RuntimeHandlerConfig,
  driver: Config["cgroup"]["driver"],
  refuse: (key: string, why: string) => void,
): void {
  if (type === "oci") {
    if (sandboxer === "shim") refuse("sandboxer", 'can\'t be "shim" with type = "oci", which has none');
    if (runtimePath !== "") refuse("runtimePath", 'has no effect with type = "oci": set binary');
    const odd = Object.keys(options).find((key) => !/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(key));
    if (odd !== undefined) refuse("options", `has "${odd}", which is no flag of an OCI runtime`);
    return;
  }
  if (runtimePath !== "" && !isAbsolute(runtimePath)) {
    refuse("runtimePath", `must be an absolute path: ${runtimePath}`);
  }
  const known: Readonly<Record<string, string>> = isRuncShim(type) ? runcOptions : genericOptions;
  for (const [key, value] of Object.entries(options)) {
    const wanted = Object.hasOwn(known, key) ? known[key] : undefined;
    if (wanted === undefined) {
      refuse(
        "options",
        `has "${key}", which ${type} does not know; it knows ${Object.keys(known).join(", ")}`,
      );
    } else if (typeof value !== wanted) refuse("options", `has ${key}, which must be a ${wanted}`);
  }
  const { SystemdCgroup = driver === "systemd" } = options;
  if (SystemdCgroup !== (driver === "systemd")) {
    refuse(
      "options",
      `has SystemdCgroup = ${SystemdCgroup}, against cgroup.driver = "${driver}": leave it out`,
    );
  }
}

function checkSnapshotters(config: Config, refuse: (key: string, why: string) => void): void {
  const { image, runtime, remoteSnapshotters, snapshotters } = config;
  const { directory } = snapshotters.btrfs;
  if (directory !== "" && !isAbsolute(directory))
    refuse("snapshotters.btrfs.directory", `must be an absolute path: ${directory}`);
  // It becomes the beginning of devices' names.
  const { pool } = snapshotters.devmapper;
  if (!/^[A-Za-z0-9+_.-]{0,90}$/.test(pool))
    refuse("snapshotters.devmapper.pool", `is no name of a device: ${pool}`);
  const { dataset } = snapshotters.zfs;
  if (!/^(?:[A-Za-z][A-Za-z0-9_.:-]*(?:\/[A-Za-z0-9_.:-]+)*)?$/.test(dataset))
    refuse("snapshotters.zfs.dataset", `is no name of a dataset: ${dataset}`);
  for (const [name, { address }] of Object.entries(remoteSnapshotters)) {
    const key = `remoteSnapshotters.${name}.address`;
    if (isOwnSnapshotter(name))
      refuse(key, `is for another name: berth has a snapshotter ${name} of its own`);
    if (!/^(?:unix:\/\/)?\//.test(address))
      refuse(key, "must be a socket: an absolute path, or unix:// and one");
  }
  const known = knownSnapshotters(config);
  const check = (key: string, name: string) => {
    if (!known.includes(name))
      refuse(key, `is "${name}", which is no snapshotter; there are ${known.join(", ")}`);
  };
  check("image.snapshotter", image.snapshotter);
  for (const [name, { snapshotter }] of Object.entries(runtime.handlers))
    if (snapshotter !== "") check(`runtime.handlers.${name}.snapshotter`, snapshotter);
}

function checkStreaming(streaming: Config["streaming"], refuse: (key: string, why: string) => void): void {
  const { address, tls, certFile, keyFile, creationTimeout } = streaming;
  const at = parseListenAddress(address);
  if (typeof at === "string") refuse("streaming.address", at);
  else if ("socket" in at)
    refuse("streaming.address", "must be an address with a port: clients come over TCP");
  for (const [key, file] of Object.entries({ certFile, keyFile })) {
    if (file !== "" && !isAbsolute(file)) refuse(`streaming.${key}`, `must be an absolute path: ${file}`);
  }
  if (certFile === "" && keyFile !== "") refuse("streaming.keyFile", "needs streaming.certFile beside it");
  if (certFile !== "" && keyFile === "") refuse("streaming.certFile", "needs streaming.keyFile beside it");
  if (certFile !== "" && !tls) refuse("streaming.certFile", "has no effect without streaming.tls = true");
  if (creationTimeout === 0) refuse("streaming.creationTimeout", "must be more than nothing");
}

function within(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer === "/" ? outer : `${outer}/`);
}
