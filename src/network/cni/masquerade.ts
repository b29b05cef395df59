import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { Fault } from "../../base/fault.ts";
import { canonicalAddress } from "../../base/ip-address.ts";
import type { Namespaces } from "../../linux/contract.ts";
import { MissingProgram } from "../../linux/program-fault.ts";
import { parseCniResult } from "../../spec/cni-result.ts";
import type { Attachment } from "./chain.ts";
import type { PluginHost } from "./plugin.ts";

const maxOutput = 2 ** 24;
/** As iptables has it, less its end. */
const chainLength = 28;

type IptablesProgram = "iptables" | "ip6tables";

/**
 * The programs whose rules the bridge and ptp plugins with `ipMasq` may leave: to be asked before their DEL. That (1.1.1) removes the
 * pod's interface, and then the rules for the addresses that it had: one that was cut off between the two, or a pod that has
 * changed its interface itself, would leave rules for good, however often DEL is repeated. What the interface has now, DEL finds.
 *
 * @param netns empty: none is pinned
 */
export async function mayForgetMasquerade(
  { config, interfaceName, result }: Attachment,
  netns: string,
  namespaces: Pick<Namespaces, "addressesWithin">,
): Promise<readonly IptablesProgram[]> {
  if (!config.plugins.some(({ ipMasq }) => ipMasq === true)) return [];
  const given = result && parseCniResult(JSON.stringify(result)).addresses.map(({ address }) => address);
  const found = netns === "" ? [] : await namespaces.addressesWithin(netns, interfaceName).catch(() => []);
  const isForgotten = (family: 4 | 6) =>
    given === undefined ||
    given.some((address) => isIP(address) === family && !found.includes(canonicalAddress(address)));
  return (["iptables", "ip6tables"] as const).filter((_, index) => isForgotten(index === 0 ? 4 : 6));
}

/**
 * Takes back what such plugins have left of a pod's masquerading.
 *
 * @throws {Fault} unavailable when there is something that can't be taken back; deadline or cancelled as the signal says
 */
export async function dropMasquerade(
  { config, containerId }: Attachment,
  programs: readonly IptablesProgram[],
  host: PluginHost,
  signal: AbortSignal,
): Promise<void> {
  const chain = masqueradeChain(config.name, containerId);
  for (const program of programs) {
    const nat = (...args: readonly string[]) => runIptables(program, args, host, signal);
    if ((await nat("-S", chain)) === undefined) continue;
    const jumps = ((await nat("-S", "POSTROUTING")) ?? "")
      .split("\n")
      .filter((rule) => rule.endsWith(`-j ${chain}`));
    for (const rule of jumps) await nat("-D", ...words(rule).slice(1));
    await nat("-F", chain);
    if ((await nat("-X", chain)) === undefined)
      throw new Fault("unavailable", `network "${config.name}": ${program} can't remove the chain ${chain}`);
  }
}

/** As the plugins' `utils.FormatChainName` has it. */
function masqueradeChain(network: string, containerId: string): string {
  const hash = createHash("sha512").update(`${network}${containerId}`).digest("hex");
  return `CNI-${hash}`.slice(0, chainLength);
}

/** @returns what it printed; undefined when it failed, or isn't there: then nothing can be of it */
async function runIptables(
  program: string,
  args: readonly string[],
  { processes, env }: PluginHost,
  signal: AbortSignal,
): Promise<string | undefined> {
  const command = { path: program, args: ["-w", "-t", "nat", ...args], env, maxOutput };
  try {
    const { code, stdout } = await processes.run(command, signal);
    return code === 0 ? Buffer.from(stdout).toString() : undefined;
  } catch (error) {
    if (error instanceof MissingProgram) return undefined;
    throw error;
  }
}

/** The words of a rule as `iptables -S` prints it. */
function words(rule: string): string[] {
  const found = rule.match(/"(?:\\.|[^"\\])*"|\S+/g) ?? [];
  return found.map((word) => (word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, "$1") : word));
}
