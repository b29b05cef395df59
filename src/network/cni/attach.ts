import { deadlineIn } from "../../base/deadline.ts";
import { describeFault, Fault } from "../../base/fault.ts";
import type { CniResult } from "../../spec/cni-result.ts";
import type { PodNetworkConfig, PodNetworkResult } from "../contract.ts";
import type { PodAttachments } from "./attachment-store.ts";
import { type Attachment, addAttachment } from "./chain.ts";
import { detachPod } from "./detach.ts";
import type { CniParts } from "./parts.ts";
import { podArgs, podCapabilities } from "./pod-arguments.ts";
import { noNetwork } from "./status.ts";

/** Attaches the pod to every network in use: `eth0` to the first. See `PodNetwork.attach`. */
export async function attachPod(
  pod: PodNetworkConfig,
  parts: CniParts,
  signal: AbortSignal,
): Promise<PodNetworkResult> {
  const { store, host } = parts;
  const planned = await planAttachments(pod, parts);
  await record(planned, parts, signal); // recorded first
  const attachments = [...planned.attachments];
  const results: CniResult[] = [];
  try {
    for (const [index, attachment] of planned.attachments.entries()) {
      const result = await addAttachment(attachment, pod.netns, host, signal);
      attachments[index] = { ...attachment, result: result.raw };
      await store.write({ ...planned, attachments });
      results.push(result);
    }
    return podResult(results, planned);
  } catch (error) {
    // When the time is up the caller's undo detaches, which may take long again.
    if (!signal.aborted) await detachFailed(pod, parts);
    throw error;
  }
}

async function record(
  planned: PodAttachments,
  { store, collecting }: CniParts,
  signal: AbortSignal,
): Promise<void> {
  using _kept = await collecting.hold("collecting", signal);
  await store.write(planned);
}

async function planAttachments(pod: PodNetworkConfig, parts: CniParts): Promise<PodAttachments> {
  const { directory, cidrs } = parts;
  const configured = await directory.read();
  const problem = noNetwork(configured, directory.directory);
  if (problem !== undefined) {
    throw new Fault("unavailable", problem, { hint: "install a network, or set network.confDir" });
  }
  const args = podArgs(pod);
  const runtimeConfig = podCapabilities(pod, cidrs.now());
  const attachments = configured.networks.map(
    ({ config }, index): Attachment => ({
      containerId: pod.id,
      interfaceName: `eth${index}`,
      config,
      args,
      runtimeConfig,
    }),
  );
  return { id: pod.id, netns: pod.netns, attachments };
}

async function detachFailed(pod: PodNetworkConfig, parts: CniParts): Promise<void> {
  try {
    using deadline = deadlineIn(parts.settings.delDeadline);
    await detachPod(pod.id, pod.netns, parts, deadline.signal);
  } catch (error) {
    // The cached attachment stays: the caller's undo tries again.
    parts.log.debug(
      { pod: pod.id, err: describeFault(error) },
      "what a failed attach left could not be detached yet",
    );
  }
}

/** @throws {Fault} unavailable when the first network gave no address */
function podResult(results: readonly CniResult[], { attachments }: PodAttachments): PodNetworkResult {
  const addresses = results.map(podAddresses);
  if (addresses[0]?.length === 0) {
    throw new Fault("unavailable", `network "${attachments[0]?.config.name}" gave the pod no address`, {
      hint: "its configuration needs an ipam section",
    });
  }
  return {
    addresses: [...new Set(addresses.flat())],
    interfaces: results.flatMap(({ interfaces }) => interfaces),
  };
}

/** Those that lie in the pod, in the plugins' order, which is the network's own: its primary family first. */
function podAddresses({ addresses, interfaces }: CniResult): string[] {
  return addresses
    .filter((each) => each.interface === undefined || interfaces[each.interface]?.sandbox !== "")
    .map(({ address }) => address);
}
