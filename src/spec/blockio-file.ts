import * as v from "valibot";
import { Fault } from "../base/fault.ts";
import { quantityFactors } from "../base/quantity-factors.ts";
import { schemaIssue } from "./schema-issue.ts";

/** As Kubernetes writes quantities: `50M`, `10k`, `64Mi`. */
function quantity(text: string): number | undefined {
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)([kMGT]i?|Ki)?$/.exec(text.trim()) ?? [];
  const factor = quantityFactors[unit];
  if (digits === undefined || factor === undefined) return undefined;
  const value = Math.round(Number(digits) * factor);
  return Number.isSafeInteger(value) ? value : undefined;
}

const amount = v.optional(
  v.pipe(
    v.union([v.string(), v.number()]),
    v.transform((value) => quantity(String(value)) ?? Number.NaN),
    v.check((value) => !Number.isNaN(value), "is no quantity, as in 50M"),
  ),
);
const weight = v.pipe(
  amount,
  v.check((value) => value === undefined || (value >= 10 && value <= 1000), "is not from 10 to 1000"),
);

const parameters = v.pipe(
  v.strictObject({
    Devices: v.optional(v.array(v.pipe(v.string(), v.startsWith("/dev/", "is not below /dev")))),
    Weight: weight,
    ThrottleReadBps: amount,
    ThrottleWriteBps: amount,
    ThrottleReadIOPS: amount,
    ThrottleWriteIOPS: amount,
  }),
  v.check(
    ({ Devices, Weight: _, ...throttles }) => Devices !== undefined || Object.keys(throttles).length === 0,
    "throttles, but names no Devices",
  ),
);

const schema = v.strictObject({ Classes: v.record(v.string(), v.nullish(v.array(parameters), [])) });

/** What a class says of all block devices, or of those that patterns of paths name; a later one is stronger. */
export type BlockIoParameters = v.InferOutput<typeof parameters>;

/**
 * Reads a file of block I/O classes (containerd's blockio_config_file), parsed from YAML.
 *
 * @returns the classes by name
 * @throws {Fault} corrupt naming the first field that is wrong or not known
 */
export function parseBlockIoFile(value: unknown): ReadonlyMap<string, readonly BlockIoParameters[]> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (!result.success) throw new Fault("corrupt", schemaIssue(result.issues));
  return new Map(Object.entries(result.output.Classes));
}
