/** For `parseArgs`: what both programs that cut the power take. */
export const cutFlags = {
  cuts: { type: "string", default: "20" },
  /** How long the node is kept busy. */
  seconds: { type: "string" },
  /** The same one cuts the same recording at the same moments; what is recorded differs from run to run. */
  seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
  /** Where the power is cut: anywhere, or only right after answers that promise something. */
  at: { type: "string", default: "anywhere" },
  /** Without pods. */
  "only-images": { type: "boolean", default: false },
  /** The node's kernel only claims to write out what is to be safe: the checks have to fail. */
  "without-sync": { type: "boolean", default: false },
  /** Leaves the recording there. */
  keep: { type: "boolean", default: false },
} as const;

/** Of the disk. */
export const diskBytes = 768 << 20;
