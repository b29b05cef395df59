import type { TestPolicyRequest, TestPolicyResponse } from "../../wire/gen/berth.v1.ts";
import { decodeAuth } from "../convert/decode-auth.ts";
import { requireText } from "../convert/field.ts";
import type { ImageTransfer } from "../parts.ts";

/** RPC TestPolicy of berth's own API. */
export async function testPolicy(
  request: TestPolicyRequest,
  transfer: ImageTransfer,
  signal: AbortSignal,
): Promise<TestPolicyResponse> {
  const reference = requireText(request.reference, "reference");
  const options = { auth: decodeAuth(request.auth, reference), namespace: request.namespace };
  const report = await transfer.testAdmission(reference, options, signal);
  const { image, allowed, policy, requirements, lookedAt, verifiers } = report;
  return {
    image,
    allowed,
    policy,
    requirements: [...requirements],
    lookedAt: [...lookedAt],
    verifiers: [...verifiers],
  };
}
