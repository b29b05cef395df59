/** The policy when the settings name none; it need not be there. */
export const usualPolicyFile = "/etc/berth/policy.json";

/** The verifiers' directory when the settings name none; it need not be there. */
export const usualVerifiersDirectory = "/opt/berth/image-verifier/bin";
