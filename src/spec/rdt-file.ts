import * as v from "valibot";
import { Fault } from "../base/fault.ts";
import { numbersOf } from "../base/number-list.ts";
import { schemaIssue } from "./schema-issue.ts";

/** A part of a cache: of the bits that there are, by percentages, or some by themselves. */
export type CacheShare =
  | { readonly kind: "percent"; readonly low: number; readonly high: number; readonly isRange: boolean }
  | { readonly kind: "mask"; readonly mask: bigint };

/** For code and data together, and, where the kernel tells these apart, for each. */
export interface CacheShares {
  readonly unified: CacheShare;
  readonly code?: CacheShare;
  readonly data?: CacheShare;
}

/** A part of the memory's bandwidth, in the unit that the kernel is told; undefined: the file has none in that. */
export interface BandwidthShare {
  readonly percent: number | undefined;
  readonly megabytesPerSecond: number | undefined;
}

/** By the numbers of caches, as lists ("0-1"); "all": of those that are not named. */
type ByCache<T> = ReadonlyMap<string, T>;

/** What a partition or a class has. Absent: all that there is above it. */
interface RdtAllocation {
  readonly l2?: ByCache<CacheShares>;
  readonly l3?: ByCache<CacheShares>;
  readonly mb?: ByCache<BandwidthShare>;
}

export interface RdtClass extends RdtAllocation {
  readonly partition: string;
  /** Whether a pod's, or a container's own annotation may not ask for it. */
  readonly deniesPods: boolean;
  readonly deniesContainers: boolean;
}

/** A file of RDT classes, as goresctrl has them (containerd's and CRI-O's rdt_config_file). */
export interface RdtFile {
  /** What processors may lack that classes say something of. */
  readonly optional: { readonly l2: boolean; readonly l3: boolean; readonly mb: boolean };
  readonly partitions: ReadonlyMap<string, RdtAllocation>;
  readonly classes: ReadonlyMap<string, RdtClass>;
}

/** The group that everything is in which has no other. */
export const rootClass = "system/default";

const cacheShare = v.pipe(
  v.string(),
  v.transform((text) => parseCacheShare(text)),
  v.check(
    (share) => share !== undefined,
    'is not as in "50%", "20-60%", "0-5" or "0xff0" (bits in one block)',
  ),
  v.transform((share) => share as CacheShare),
);
const cacheShares = v.union([
  v.pipe(
    cacheShare,
    v.transform((unified): CacheShares => ({ unified })),
  ),
  v.pipe(
    v.strictObject({ unified: cacheShare, code: v.optional(cacheShare), data: v.optional(cacheShare) }),
    v.check(({ code, data }) => (code === undefined) === (data === undefined), "has one of code and data"),
  ),
]);
const bandwidthShare = v.pipe(
  v.array(v.pipe(v.string(), v.regex(/^[0-9]{1,10}(%|MBps)$/, 'is not as in "80%" or "1000MBps"'))),
  v.transform(
    (texts): BandwidthShare => ({
      percent: valueIn(texts, "%"),
      megabytesPerSecond: valueIn(texts, "MBps"),
    }),
  ),
  v.check(({ percent = 0 }) => percent <= 100, "is more than 100%"),
);

const cacheKey = v.pipe(
  v.string(),
  v.check((key) => key === "all" || (numbersOf(key)?.length ?? 0) > 0, 'is not "all" or a list of caches'),
);

/** @param rest of the caches that are not named */
function byCache<Schema extends v.GenericSchema>(share: Schema, rest: v.InferOutput<Schema>) {
  type Share = v.InferOutput<Schema>;
  return v.optional(
    v.union([
      v.pipe(
        share,
        v.transform((all) => new Map([["all", all as Share]])),
      ),
      v.pipe(
        v.record(cacheKey, share),
        v.transform((shares) => new Map(Object.entries({ all: rest, ...shares }) as [string, Share][])),
      ),
    ]),
  );
}

const wholeCache: CacheShares = { unified: { kind: "percent", low: 0, high: 100, isRange: false } };
/** The kernel's word for no limit is the highest number. */
export const wholeBandwidth: BandwidthShare = { percent: 100, megabytesPerSecond: 2 ** 32 - 1 };

const allocations = {
  l2Allocation: byCache(cacheShares, wholeCache),
  l3Allocation: byCache(cacheShares, wholeCache),
  mbAllocation: byCache(bandwidthShare, wholeBandwidth),
};
const flag = v.optional(v.boolean(), false);
const optional = v.optional(v.strictObject({ optional: flag }), { optional: false });
const schema = v.strictObject({
  options: v.optional(v.strictObject({ l2: optional, l3: optional, mb: optional }), {}),
  partitions: v.optional(
    v.record(
      v.string(),
      v.strictObject({
        ...allocations,
        classes: v.optional(
          v.record(
            v.string(),
            v.nullish(
              v.strictObject({
                ...allocations,
                kubernetes: v.optional(
                  v.strictObject({ denyPodAnnotation: flag, denyContainerAnnotation: flag }),
                  {},
                ),
              }),
              {},
            ),
          ),
          {},
        ),
      }),
    ),
    {},
  ),
});

/**
 * Reads a file of RDT classes, parsed from YAML or JSON.
 *
 * @throws {Fault} corrupt naming what is wrong, or not known
 */
export function parseRdtFile(value: unknown): RdtFile {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (!result.success) throw new Fault("corrupt", schemaIssue(result.issues));
  const { options, partitions } = result.output;
  const classes = new Map<string, RdtClass>();
  for (const [partition, { classes: named, ...own }] of Object.entries(partitions))
    for (const [alias, { kubernetes, ...asked }] of Object.entries(named)) {
      const name = alias === "" ? rootClass : alias;
      const where = `partitions.${partition}.classes.${alias}`;
      if (name !== rootClass && !/^(?!\.{1,2}$)[^/\n]+$/.test(name))
        throw new Fault("corrupt", `${where}: can't be the name of a group`);
      if (classes.has(name)) throw new Fault("corrupt", `${where}: there are two classes of this name`);
      for (const key of ["l2Allocation", "l3Allocation", "mbAllocation"] as const)
        if (asked[key] !== undefined && own[key] === undefined)
          throw new Fault("corrupt", `${where}.${key}: its partition has no ${key} to give from`);
      classes.set(name, {
        ...allocationOf(asked),
        partition,
        deniesPods: kubernetes.denyPodAnnotation ?? false,
        deniesContainers: kubernetes.denyContainerAnnotation ?? false,
      });
    }
  const isOptional = (one?: { optional: boolean }) => one?.optional ?? false;
  return {
    optional: { l2: isOptional(options.l2), l3: isOptional(options.l3), mb: isOptional(options.mb) },
    partitions: new Map(Object.entries(partitions).map(([name, own]) => [name, allocationOf(own)])),
    classes,
  };
}

function allocationOf({
  l2Allocation: l2,
  l3Allocation: l3,
  mbAllocation: mb,
}: {
  l2Allocation?: RdtAllocation["l2"] | undefined;
  l3Allocation?: RdtAllocation["l3"] | undefined;
  mbAllocation?: RdtAllocation["mb"] | undefined;
}): RdtAllocation {
  return { ...(l2 && { l2 }), ...(l3 && { l3 }), ...(mb && { mb }) };
}

function parseCacheShare(text: string): CacheShare | undefined {
  const percent = /^([0-9]{1,3})(?:-([0-9]{1,3}))?%$/.exec(text);
  if (percent !== null) {
    const [, first = "", second] = percent;
    const isRange = second !== undefined;
    const [low, high] = isRange ? [Number(first), Number(second)] : [0, Number(first)];
    return low <= high && high <= 100 ? { kind: "percent", low, high, isRange } : undefined;
  }
  const mask = /^0x[0-9a-fA-F]{1,16}$/.test(text) ? BigInt(text) : maskOfBits(text);
  const bits = mask?.toString(2).replace(/0+$/, "");
  return mask !== undefined && bits !== undefined && /^1+$/.test(bits) ? { kind: "mask", mask } : undefined;
}

function maskOfBits(text: string): bigint | undefined {
  const bits = numbersOf(text);
  if (bits === undefined || bits.some((bit) => bit > 63)) return undefined;
  return bits.reduce((mask, bit) => mask | (1n << BigInt(bit)), 0n);
}

function valueIn(texts: readonly string[], unit: string): number | undefined {
  const text = texts.find((each) => each.endsWith(unit));
  return text === undefined ? undefined : Number.parseInt(text, 10);
}
