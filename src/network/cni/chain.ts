import { during, type Fault } from "../../base/fault.ts";
import { type CniNetworkConfig, type CniPluginConfig, speaks } from "../../spec/cni-config.ts";
import { type CniRawResult, type CniResult, parseCniResult } from "../../spec/cni-result.ts";
import { callPlugin, type PluginCall, type PluginHost } from "./plugin.ts";

/** One interface of one pod in one network: all that its plugins are told, now and when it is taken away. */
export interface Attachment {
  readonly containerId: string;
  readonly interfaceName: string;
  readonly config: CniNetworkConfig;
  /** CNI_ARGS. */
  readonly args: string;
  /** By capability; each plugin gets those that it declares. */
  readonly runtimeConfig: Readonly<Record<string, unknown>>;
  /** Of the last plugin; absent until all have attached. */
  readonly result?: CniRawResult;
}

/**
 * ADD of every plugin in order, each with the result of the one before.
 * @throws {Fault} as callPlugin, or unavailable for a result that can't be used
 */
export async function addAttachment(
  attachment: Attachment,
  netns: string,
  host: PluginHost,
  signal: AbortSignal,
): Promise<CniResult> {
  let result: CniResult | undefined;
  for (const plugin of attachment.config.plugins) {
    const call = callFor("ADD", attachment, plugin, netns, result?.raw);
    const printed = await callPlugin(call, host, signal);
    try {
      result = parseCniResult(printed);
    } catch (error) {
      throw during(`network "${call.network}": plugin ${call.type}, ADD`, error);
    }
  }
  return result ?? { raw: {}, addresses: [], interfaces: [] };
}

/**
 * DEL of every plugin, the last one first. Ends at the first that fails: the address of a pod must not go to
 * another one while this pod's port mappings still lead to it.
 *
 * @throws {Fault} as callPlugin
 */
export async function deleteAttachment(
  attachment: Attachment,
  netns: string,
  host: PluginHost,
  signal: AbortSignal,
): Promise<void> {
  const { config, result } = attachment;
  const previous = speaks(config.cniVersion, "0.4.0") ? result : undefined;
  for (const plugin of config.plugins.toReversed()) {
    await callPlugin(callFor("DEL", attachment, plugin, netns, previous), host, signal);
  }
}

/**
 * CHECK of every plugin; succeeds where the network's version or configuration has none.
 * @throws {Fault} as callPlugin
 */
export async function checkAttachment(
  attachment: Attachment,
  netns: string,
  host: PluginHost,
  signal: AbortSignal,
): Promise<void> {
  const { config, result } = attachment;
  if (!speaks(config.cniVersion, "0.4.0") || config.disableCheck || result === undefined) return;
  for (const plugin of config.plugins) {
    await callPlugin(callFor("CHECK", attachment, plugin, netns, result), host, signal);
  }
}

/** STATUS of every plugin, for networks of version 1.1. @throws {Fault} as callPlugin */
export async function askStatus(
  config: CniNetworkConfig,
  host: PluginHost,
  signal: AbortSignal,
): Promise<void> {
  if (!speaks(config.cniVersion, "1.1.0")) return;
  for (const plugin of config.plugins) {
    const call = { ...wholeNetwork(config, plugin), command: "STATUS" } as const;
    await callPlugin(call, host, signal);
  }
}

/**
 * GC of every plugin, for networks of version 1.1: whatever belongs to none of `valid` is taken away. Every
 * plugin is asked, even after one failed.
 *
 * @returns the faults of those that failed
 */
export async function collectGarbage(
  config: CniNetworkConfig,
  valid: readonly { containerID: string; ifname: string }[],
  host: PluginHost,
  signal: AbortSignal,
): Promise<Fault[]> {
  if (!speaks(config.cniVersion, "1.1.0") || config.disableGC) return [];
  const faults: Fault[] = [];
  for (const plugin of config.plugins) {
    const call = wholeNetwork(config, plugin);
    const withValid = { ...call.config, "cni.dev/valid-attachments": valid };
    await callPlugin({ ...call, command: "GC", config: withValid }, host, signal).catch((fault: Fault) =>
      faults.push(fault),
    );
  }
  return faults;
}

function callFor(
  command: PluginCall["command"],
  attachment: Attachment,
  plugin: CniPluginConfig,
  netns: string,
  prevResult: CniRawResult | undefined,
): PluginCall {
  const { config, containerId, interfaceName, args } = attachment;
  const whole = wholeNetwork(config, plugin);
  const runtimeConfig = Object.fromEntries(
    Object.entries(attachment.runtimeConfig).filter(
      ([capability]) => plugin.capabilities?.[capability] === true,
    ),
  );
  return {
    ...whole,
    command,
    variables: { CNI_CONTAINERID: containerId, CNI_NETNS: netns, CNI_IFNAME: interfaceName, CNI_ARGS: args },
    config: {
      ...whole.config,
      ...(Object.keys(runtimeConfig).length === 0 ? {} : { runtimeConfig }),
      ...(prevResult === undefined ? {} : { prevResult }),
    },
  };
}

/**
 * A plugin's configuration as it is executed (CNI spec 1.1, section 3: deriving the execution configuration).
 */
function wholeNetwork(config: CniNetworkConfig, plugin: CniPluginConfig): Omit<PluginCall, "command"> {
  const { capabilities: _notPassed, runtimeConfig: _ours, prevResult: _none, ...rest } = plugin;
  return {
    network: config.name,
    type: plugin.type,
    variables: {},
    config: { ...rest, name: config.name, cniVersion: config.cniVersion },
  };
}
