import { Fault } from "../base/fault.ts";
import type { AdmissionReport } from "./contract.ts";

/** Why the image of `report` may not be used: the rule first, then what was missing. */
export function refusalOf({
  image,
  policy,
  requirements,
  verifiers,
}: Pick<AdmissionReport, "image" | "policy" | "requirements" | "verifiers">): Fault {
  const unmet = requirements.find(({ accepted }) => !accepted);
  const verifier = verifiers.find(({ accepted }) => !accepted);
  const story =
    unmet === undefined
      ? `the image verifier ${verifier?.name} refuses ${image}: ${verifier?.reason}`
      : `the policy ${policy?.file} refuses ${image} by ${unmet.path} (${unmet.type}): ${unmet.reason}`;
  return new Fault("forbidden", story, {
    reason: "signatureValidation",
    hint: `berth policy test ${image} shows all that led there`,
  });
}
