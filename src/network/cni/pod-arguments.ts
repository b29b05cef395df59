import { isIP } from "node:net";
import { Fault } from "../../base/fault.ts";
import type { PodNetworkConfig } from "../contract.ts";
import { parseBitRate } from "./bit-rate.ts";

/**
 * Addresses that the pod asks for, with or without prefix length, separated by commas (CNI capability `ips`).
 */
const addressesAnnotation = "berth/ips";
/** The hardware address that the pod asks for (CNI capability `mac`). */
const macAnnotation = "berth/mac";
/** As the kubelet's networks have always read them, in bits a second. */
const ingressAnnotation = "kubernetes.io/ingress-bandwidth";
const egressAnnotation = "kubernetes.io/egress-bandwidth";
/** Bits; the largest that plugins take: no limit to a burst but the rate. */
const unlimitedBurst = 2 ** 31 - 1;

/**
 * CNI_ARGS: what plugins are told of the pod by name.
 *
 * @throws {Fault} invalid for a name that would pose as another argument
 */
export function podArgs({ id, metadata }: PodNetworkConfig): string {
  const values = {
    K8S_POD_NAMESPACE: metadata.namespace,
    K8S_POD_NAME: metadata.name,
    K8S_POD_INFRA_CONTAINER_ID: id,
    K8S_POD_UID: metadata.uid,
  };
  for (const [key, value] of Object.entries(values)) {
    if (/[;=\0]/.test(value)) {
      throw new Fault("invalid", `metadata: "${value}" can't be handed to network plugins as ${key}`, {
        hint: 'names must not hold ";" or "="',
      });
    }
  }
  return ["IgnoreUnknown=1", ...Object.entries(values).map(([key, value]) => `${key}=${value}`)].join(";");
}

/**
 * The values of the capabilities that plugins may declare (CNI CONVENTIONS.md: dynamic plugin specific
 * fields).
 *
 * @throws {Fault} invalid, naming the annotation
 */
export function podCapabilities(pod: PodNetworkConfig, podCidrs: readonly string[]): Record<string, unknown> {
  const portMappings = pod.portMappings
    .filter(({ hostPort }) => hostPort > 0)
    .map(({ hostPort, containerPort, protocol, hostIp }) => ({
      hostPort,
      containerPort,
      protocol,
      hostIP: hostIp,
    }));
  const bandwidth = bandwidthOf(pod.annotations);
  const ips = addressesOf(pod.annotations);
  const mac = macOf(pod.annotations);
  return {
    ...(portMappings.length === 0 ? {} : { portMappings }),
    ...(bandwidth === undefined ? {} : { bandwidth }),
    ...(pod.dns === undefined ? {} : { dns: pod.dns }),
    ...(ips === undefined ? {} : { ips }),
    ...(mac === undefined ? {} : { mac }),
    ...(pod.cgroupPath === "" ? {} : { cgroupPath: pod.cgroupPath }),
    ...(podCidrs.length === 0 ? {} : { ipRanges: podCidrs.map((subnet) => [{ subnet }]) }),
  };
}

type Annotations = PodNetworkConfig["annotations"];

function bandwidthOf(annotations: Annotations): Record<string, number> | undefined {
  const rate = (name: string): number | undefined => {
    const text = annotations[name];
    if (text === undefined) return undefined;
    const bits = parseBitRate(text);
    if (bits !== undefined) return bits;
    throw new Fault("invalid", `annotation ${name}: "${text}" is no rate from 1k to 1P bits a second`);
  };
  const ingress = rate(ingressAnnotation);
  const egress = rate(egressAnnotation);
  if (ingress === undefined && egress === undefined) return undefined;
  return {
    ...(ingress === undefined ? {} : { ingressRate: ingress, ingressBurst: unlimitedBurst }),
    ...(egress === undefined ? {} : { egressRate: egress, egressBurst: unlimitedBurst }),
  };
}

function addressesOf(annotations: Annotations): string[] | undefined {
  const text = annotations[addressesAnnotation];
  if (text === undefined) return undefined;
  const addresses = text.split(",").map((address) => address.trim());
  for (const address of addresses) {
    if (!/^[^/%]+(\/\d{1,3})?$/.test(address) || isIP(address.split("/")[0] ?? "") === 0) {
      throw new Fault("invalid", `annotation ${addressesAnnotation}: "${address}" is no address`);
    }
  }
  return addresses;
}

function macOf(annotations: Annotations): string | undefined {
  const mac = annotations[macAnnotation];
  if (mac === undefined || /^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(mac)) return mac;
  throw new Fault("invalid", `annotation ${macAnnotation}: "${mac}" is no hardware address`);
}
