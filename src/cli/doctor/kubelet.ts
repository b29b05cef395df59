import { readdirSync, readFileSync } from "node:fs";

/** Where kubeadm and most installers put it. */
const configFile = "/var/lib/kubelet/config.yaml";

/** What is known of this node's kubelet. */
export interface Kubelet {
  /** The file that the settings were read from; undefined when there is none. */
  readonly file: string | undefined;
  readonly cgroupDriver: string | undefined;
  /** As a path. */
  readonly runtimeEndpoint: string | undefined;
  /** `failSwapOn`, true unless set otherwise. */
  readonly failsOnSwap: boolean;
}

/** Reads the kubelet's configuration and, while it runs, its command line. */
export function readKubelet(): Kubelet {
  const text = readIfThere(configFile);
  const setting = (key: string) => text?.match(new RegExp(`^${key}:\\s*["']?([^"'#\\s]+)`, "m"))?.[1];
  const endpoint = endpointOfRunning() ?? setting("containerRuntimeEndpoint");
  return {
    file: text === undefined ? undefined : configFile,
    cgroupDriver: setting("cgroupDriver"),
    runtimeEndpoint: endpoint?.replace(/^unix:(\/\/)?/, ""),
    failsOnSwap: setting("failSwapOn") !== "false",
  };
}

/** `--container-runtime-endpoint`, which wins over the file. */
function endpointOfRunning(): string | undefined {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    if (readIfThere(`/proc/${pid}/comm`) !== "kubelet\n") continue;
    const words = readIfThere(`/proc/${pid}/cmdline`)?.split("\0") ?? [];
    const flag = "--container-runtime-endpoint";
    const at = words.findIndex((word) => word === flag || word.startsWith(`${flag}=`));
    if (at >= 0) return words[at]?.startsWith(`${flag}=`) ? words[at].slice(flag.length + 1) : words[at + 1];
  }
  return undefined;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
