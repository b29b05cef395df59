import { isIP } from "node:net";
import type { PodNetwork } from "../../network/contract.ts";
import type { UpdateRuntimeConfigRequest, UpdateRuntimeConfigResponse } from "../../wire/gen/runtime.v1.ts";
import { wrongField } from "../convert/field.ts";

const field = "runtime_config.network_config.pod_cidr";

/** RPC UpdateRuntimeConfig: the addresses that the node's pods have, once the kubelet knows. */
export async function updateRuntimeConfig(
  request: UpdateRuntimeConfigRequest,
  network: Pick<PodNetwork, "setPodCidrs">,
): Promise<UpdateRuntimeConfigResponse> {
  const given = request.runtimeConfig?.networkConfig?.podCidr ?? "";
  const cidrs = given.split(",").filter((cidr) => cidr !== "");
  for (const cidr of cidrs) requireCidr(cidr);
  if (cidrs.length > 0) await network.setPodCidrs(cidrs);
  return {};
}

function requireCidr(cidr: string): void {
  const parts = /^([^/]+)\/([0-9]{1,3})$/.exec(cidr);
  const version = isIP(parts?.[1] ?? "");
  const longest = version === 4 ? 32 : 128;
  if (version === 0 || Number(parts?.[2]) > longest) {
    throw wrongField(field, `"${cidr}" is not a range as in 10.0.0.0/24`);
  }
}
