import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { pathsOf } from "../../../config/paths.ts";
import type { Config } from "../../../config/schema.ts";
import {
  type CniNetworkConfig,
  parseNetworkConfig,
  parseNetworkConfigList,
} from "../../../spec/cni-config.ts";
import type { Leak } from "./leak.ts";
import { namesIn } from "./names-in.ts";
import { type Records, unaccounted } from "./records.ts";

/** Where host-local keeps its leases unless told otherwise. */
const defaultLeases = "/var/lib/cni/networks";
/** More than it takes to write a lease that was just made. */
const writingMs = 60_000;

/** What CNI plugins hold for pods that are over: cached attachments, addresses, rules of portmap and bridge. */
export function leakedNetwork(config: Config, records: Records): Leak[] {
  const networks = namesIn(config.network.confDir).flatMap((name) =>
    networkOf(join(config.network.confDir, name)),
  );
  return [
    ...leakedAttachments(pathsOf(config).cni, records),
    ...networks.flatMap((network) => leakedLeases(network, records)),
    ...leakedRules(new Set(networks.map(({ name }) => name)), records),
  ];
}

/** The network that a file configures; none when it is of another kind or can't be read: the daemon tells of that. */
function networkOf(file: string): CniNetworkConfig[] {
  const parse = file.endsWith(".conflist") ? parseNetworkConfigList : parseNetworkConfig;
  if (!/\.(conflist|conf|json)$/.test(file)) return [];
  try {
    return [parse(readFileSync(file, "utf8"))];
  } catch {
    return [];
  }
}

function leakedAttachments(directory: string, records: Records): Leak[] {
  return ["attached", "abandoned"].flatMap((kind) =>
    namesIn(join(directory, kind)).flatMap((name) => {
      const id = /^([0-9a-f]{64})\.json$/.exec(name)?.[1];
      const why = id === undefined ? undefined : unaccounted(records, id, "live");
      if (why === undefined) return [];
      const remedy = "the daemon detaches it once the plugin works again";
      return [{ what: "network", where: join(directory, kind, name), why: `an attachment: ${why}`, remedy }];
    }),
  );
}

/** Addresses that host-local has given to a pod: files named by the address, holding the pod's id. */
function leakedLeases({ name, plugins }: CniNetworkConfig, records: Records): Leak[] {
  const directories = plugins.flatMap(({ ipam }) => {
    const { type, dataDir = defaultLeases } = (ipam ?? {}) as { type?: unknown; dataDir?: unknown };
    return type === "host-local" && typeof dataDir === "string" ? [join(dataDir, name)] : [];
  });
  return directories.flatMap((directory) =>
    namesIn(directory).flatMap((address) => {
      const where = join(directory, address);
      const id = isIP(address.replaceAll("_", ":")) === 0 ? undefined : firstLine(where);
      const why = id === undefined ? undefined : unusedLease(where, id, records);
      return why === undefined
        ? []
        : [{ what: "network", where, why: `an address: ${why}`, remedy: `rm ${where}` }];
    }),
  );
}

/** Why a lease is nobody's; undefined when it is somebody's, or of what is no pod of berth's. */
function unusedLease(file: string, id: string, records: Records): string | undefined {
  if (/^[0-9a-f]{64}$/.test(id)) return unaccounted(records, id, "live");
  const isLost =
    id === "" && Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > writingMs;
  return isLost ? "a power cut took what stood in its file" : undefined;
}

function firstLine(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1").split(/\r?\n/, 1)[0];
  } catch {
    return undefined; // given back meanwhile
  }
}

/** Rules that name a pod in their comment, as those of the bridge and portmap plugins do. */
function leakedRules(networks: ReadonlySet<string>, records: Records): Leak[] {
  const found = new Map<string, Leak>();
  for (const program of ["iptables", "ip6tables"]) {
    for (const rule of savedRules(program)) {
      const network = /name: \\"([^"\\]+)\\"/.exec(rule)?.[1];
      const id = /id: \\"([0-9a-f]{64})\\"/.exec(rule)?.[1];
      if (network === undefined || id === undefined || !networks.has(network)) continue;
      const why = unaccounted(records, id, "live");
      const chain = /-j (CNI-\S+)/.exec(rule)?.[1] ?? rule.split(" ")[1] ?? "";
      const where = `${program} -t nat chain ${chain}`;
      const remedy = `${program} -t nat ${rule.replace(/^-A/, "-D")}`;
      if (why !== undefined) found.set(where, { what: "network", where, why: `rules: ${why}`, remedy });
    }
  }
  return [...found.values()];
}

/** The nat table's rules that have a comment; none where the program isn't there or may not look. */
function savedRules(program: string): string[] {
  try {
    const saved = execFileSync(`${program}-save`, ["-t", "nat"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return saved.split("\n").filter((rule) => rule.startsWith("-A") && rule.includes("--comment"));
  } catch {
    return [];
  }
}
