/**
 * cgroup v2 has weights (1 to 10000) where the CRI has shares (2 to 262144). Runtimes convert in one of two ways: along
 * a line (runc before 1.3.2, crun before 1.23), or along a curve that makes 1024 shares the kernel's default weight of 100.
 */
export function weightsOfShares(shares: number): readonly number[] {
  const within = Math.min(Math.max(shares, 2), 262_144);
  const line = 1 + Math.floor(((within - 2) * 9999) / 262_142);
  const log = Math.log2(within);
  const curve = Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34));
  return [line, curve];
}

/** Shares that a weight stands for which nobody's shares account for: along the line, as the kubelet and cAdvisor have it. */
export function sharesOfWeight(weight: number): number {
  return Math.floor(((weight - 1) * 262_142) / 9999) + 2;
}
