import { quantityFactors } from "../../base/quantity-factors.ts";

/**
 * A rate as a Kubernetes quantity (`10M`, `1.5Gi`, `2e6`), in bits a second.
 *
 * @returns undefined for what is no quantity, and for rates out of the range that Kubernetes allows, 1k to 1P
 */
export function parseBitRate(text: string): number | undefined {
  const [, number = "", exponent = "", suffix = ""] =
    /^\+?(\d{1,18}(?:\.\d{0,9})?|\.\d{1,9})(?:([eE][+-]?\d{1,2})|([kMGTP]|[KMGTP]i))?$/.exec(text) ?? [];
  if (number === "") return undefined;
  const bits = Math.ceil(Number(`${number}${exponent}`) * (quantityFactors[suffix] ?? Number.NaN));
  return bits >= 1e3 && bits <= 1e15 ? bits : undefined;
}
