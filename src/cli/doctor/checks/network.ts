import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Config } from "../../../config/schema.ts";
import { programPath } from "../../../linux/program-path.ts";
import { type CniNetworkConfig, programsOf } from "../../../spec/cni-config.ts";
import { type AddressRange, overlap, parseRoutes, type Route, rangesOf } from "../cni/addresses.ts";
import { type CniFiles, readCniFiles } from "../cni/configured.ts";
import { type Finding, note, ok, problem, warning } from "../finding.ts";
import type { NodeView } from "../node-view.ts";
import { runProgram } from "../run-program.ts";

const notReady = "pods with a network of their own can't start, and the kubelet calls the node NotReady";
/** Plugins that make rules with iptables, whatever their settings. */
const useIptables = ["portmap", "firewall"];
const nearlyAll = 0.9;

/** CNI configurations, their plugins and what those need; forwarding; subnets and leases. */
export async function checkNetwork({ config, daemon }: NodeView): Promise<Finding[]> {
  const files = await readCniFiles(config.network);
  const configs = files.networks.map((network) => network.config);
  const found = [
    ...judgeFiles(files, config.network.confDir),
    ...(await plugins(configs, config)),
    ...(await programs(configs, config)),
    ...(configs.length === 0 ? [] : forwarding()),
    ...judgeRanges(configs.flatMap(rangesOf), parseRoutes(readIfThere("/proc/net/route"))),
  ];
  const known = found.some(({ severity }) => severity === "problem");
  const said = daemon.kind === "berth" ? daemon.status.status?.conditions : undefined;
  const ready = said?.find(({ type }) => type === "NetworkReady");
  if (ready?.status === false && !known)
    found.push(
      problem(`the daemon says: ${ready.message}`, notReady, "look at the plugin that it names, and its log"),
    );
  return found;
}

function judgeFiles({ networks, refused, passedOver }: CniFiles, confDir: string): Finding[] {
  const none = networks.length === 0;
  const found = refused.map(({ file, reason }) => {
    const why = none ? notReady : `the network of another file is used instead: ${networks[0]?.file}`;
    return (none ? problem : warning)(
      `${file} can't be used: ${reason}`,
      why,
      "correct it; changes count at once",
    );
  });
  if (none && refused.length === 0) {
    const remedy = `install a network plugin (its DaemonSet writes one), or write one: docs/troubleshooting.md has an example`;
    found.push(problem(`there is no CNI configuration in ${confDir}`, notReady, remedy));
  }
  const used = networks.map(({ file, config }) =>
    ok(`network "${config.name}" of ${basename(file)}: ${programsOf(config).join(", ")}`),
  );
  if (passedOver.length === 0) return [...found, ...used];
  const names = passedOver.map((file) => basename(file)).join(", ");
  const why = `only the first counts (network.maxConfs), by name`;
  return [
    ...found,
    ...used,
    note(`not used: ${names}`, why, "remove what another network plugin has left there"),
  ];
}

async function plugins(configs: readonly CniNetworkConfig[], { network }: Config): Promise<Finding[]> {
  const path = network.binDirs.join(":");
  const wanted = [...new Set(configs.flatMap(programsOf))];
  const found = await Promise.all(wanted.map(async (type) => ({ type, at: await programPath(type, path) })));
  const remedy =
    "apt install containernetworking-plugins, or name the directory that has it in network.binDirs";
  return found
    .filter(({ at }) => at === undefined)
    .map(({ type }) =>
      problem(`there is no CNI plugin ${type} in ${network.binDirs.join(", ")}`, notReady, remedy),
    );
}

/** What the plugins call, tried in a network namespace that ends with it. */
async function programs(configs: readonly CniNetworkConfig[], { runtime }: Config): Promise<Finding[]> {
  const all = configs.flatMap(({ plugins }) => plugins);
  const makesRules = all.some(({ type, ipMasq }) => useIptables.includes(type) || ipMasq === true);
  if (!makesRules) return [];
  const iptables = await programPath("iptables", runtime.path);
  if (iptables === undefined) {
    const why = `the plugins of ${configs[0]?.name} make rules with it: attaching pods fails`;
    return [problem(`there is no iptables in ${runtime.path}`, why, "apt install iptables")];
  }
  if (process.geteuid?.() !== 0) return [];
  const script = '"$0" -t nat -S && ip link add type veth && ip link add type bridge';
  const { code, output } = await runProgram("unshare", ["--net", "sh", "-ec", script, iptables]);
  if (code === 0) return [ok("iptables, veth and bridge work")];
  const remedy = "modprobe iptable_nat nf_nat xt_comment veth bridge, or boot a kernel that has them";
  return [problem(`iptables, veth or bridge do not work here`, output.split("\n").at(-1) ?? "", remedy)];
}

function forwarding(): Finding[] {
  const found: Finding[] = [];
  if (readIfThere("/proc/sys/net/ipv4/ip_forward").trim() === "0") {
    const why =
      "pods reach nothing beyond this node (the bridge plugin sets it when it makes the first gateway)";
    found.push(
      warning("net.ipv4.ip_forward is 0", why, "sysctl -w net.ipv4.ip_forward=1 (and in /etc/sysctl.d)"),
    );
  }
  const bridged = readIfThere("/proc/sys/net/bridge/bridge-nf-call-iptables").trim();
  if (bridged !== "1") {
    const what = bridged === "" ? "br_netfilter is not loaded" : "net.bridge.bridge-nf-call-iptables is 0";
    const why =
      "kube-proxy's rules for services do not see what goes over a bridge between pods of this node";
    found.push(note(what, why, "modprobe br_netfilter && sysctl -w net.bridge.bridge-nf-call-iptables=1"));
  }
  return found;
}

/** Ranges that nearly all is given of, and those that the host reaches by another way. */
export function judgeRanges(ranges: readonly AddressRange[], routes: readonly Route[]): Finding[] {
  return ranges.flatMap(({ subnet, size, leased, leases, bridge }) => {
    const found: Finding[] = [];
    const said = `${leased} of ${size} addresses of ${subnet} are leased`;
    const remedy = `berth doctor --leaks names those of pods that are gone (${join(leases, "<address>")}); else a larger subnet`;
    if (BigInt(leased) >= size)
      found.push(problem(said, "no further pod can start: the plugin has no address for it", remedy));
    else if (leased > Number(size) * nearlyAll) found.push(warning(said, "soon no pod can start", remedy));
    const other = routes.find((route) => route.device !== bridge && overlap(route.subnet, subnet));
    if (other !== undefined) {
      const what = `the pods' subnet ${subnet} overlaps the host's route ${other.subnet} on ${other.device}`;
      const why = "packets to one side go to the other: pods can't reach those hosts, or hosts the pods";
      found.push(warning(what, why, "give the CNI configuration another subnet"));
    }
    return found;
  });
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
