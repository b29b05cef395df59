const factors: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/**
 * A rate as a Kubernetes quantity (`10M`, `1.5Gi`, `2e6`), in bits a second.
 *
 * @returns undefined for what is no quantity, and for rates out of the range that Kubernetes allows, 1k to 1P
 */
export function parseBitRate(text: string): number | undefined {
  const [, number = "", exponent = "", suffix = ""] =
    /^\+?(\d{1,18}(?:\.\d{0,9})?|\.\d{1,9})(?:([eE][+-]?\d{1,2})|([kMGTP]|[KMGTP]i))?$/.exec(text) ?? [];
  if (number === "") return undefined;
  const bits = Math.ceil(Number(`${number}${exponent}`) * (factors[suffix] ?? Number.NaN));
  return bits >= 1e3 && bits <= 1e15 ? bits : undefined;
}
