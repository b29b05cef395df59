import { isAbsolute, normalize } from "node:path";
import { parseGlob } from "../base/glob.ts";
import { hookStages } from "../base/hook.ts";
import { parseNumberList } from "../base/number-list.ts";
import type { Bytes, Ms } from "../base/units.ts";
import { parseDeviceText } from "./device-text.ts";
import { parseMountText } from "./mount-text.ts";
import type { HookSetting } from "./schema.ts";
import { shimProgram } from "./shim-program.ts";

/** Reads one setting's value as TOML gives it. */
export interface Reader<T> {
  /** What it takes, for messages: "a duration, as in "60s" or milliseconds". */
  readonly expected: string;
  /** The value, or undefined when it is not what is expected. */
  read(value: unknown): T | undefined;
}

export const text: Reader<string> = {
  expected: "a text",
  read: (value) => (typeof value === "string" ? value : undefined),
};

export const scalar: Reader<string | number | boolean> = {
  expected: "a text, a whole number, true or false",
  read: (value) => text.read(value) ?? flag.read(value) ?? wholeNumber(0).read(value),
};

/** As containerd's `runtime_type`. */
export const runtimeType: Reader<string> = {
  expected: '"oci", a shim as in "io.containerd.runc.v2", or the absolute path of one',
  read: (value) => {
    if (typeof value !== "string") return undefined;
    return value === "oci" || isAbsolute(value) || shimProgram(value) !== undefined ? value : undefined;
  },
};

export const flag: Reader<boolean> = {
  expected: "true or false",
  read: (value) => (typeof value === "boolean" ? value : undefined),
};

/** Normalised, without a slash at its end. */
export const absolutePath: Reader<string> = {
  expected: "an absolute path",
  read: (value) => {
    if (typeof value !== "string" || !isAbsolute(value) || value.includes("\0")) return undefined;
    return value === "/" ? value : normalize(value).replace(/\/$/, "");
  },
};

/** `CAP_` may be left out. */
export const capability: Reader<string> = {
  expected: 'a capability, as in "CAP_CHOWN"',
  read: (value) => {
    if (typeof value !== "string" || !/^[A-Za-z_]+$/.test(value)) return undefined;
    const name = value.toUpperCase();
    return name.startsWith("CAP_") ? name : `CAP_${name}`;
  },
};

/** As CRI-O's `pinned_images`. */
export const imagePattern: Reader<string> = {
  expected: 'an image\'s name, the beginning of names ("quay.io/kept/*"), or a part of them ("*pause*")',
  read: (value) => (typeof value === "string" && /^(?:[^*]+\*?|\*[^*]+\*)$/.test(value) ? value : undefined),
};

/** As containerd's `pod_annotations`. */
export const glob: Reader<string> = {
  expected: 'a pattern of names, as in "io.katacontainers.*"',
  read: (value) =>
    typeof value === "string" && value !== "" && parseGlob(value) !== undefined ? value : undefined,
};

export function oneOf<T extends string>(...names: readonly T[]): Reader<T> {
  return {
    expected: `one of ${names.map((name) => `"${name}"`).join(", ")}`,
    read: (value) => names.find((name) => name === value),
  };
}

/** A whole number from `least` on. */
export function wholeNumber(least: number): Reader<number> {
  return {
    expected: `a whole number, ${least} or more`,
    read: (value) => (Number.isSafeInteger(value) && Number(value) >= least ? Number(value) : undefined),
  };
}

const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

export const size: Reader<Bytes> = {
  expected: 'a size, as in "16MiB" or bytes',
  read: (value) => {
    if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
    const parts = typeof value === "string" ? /^(\d+(?:\.\d+)?) ?([KMGT]i?B|B)$/.exec(value) : null;
    const unit = sizeUnits[parts?.[2] ?? ""];
    if (unit === undefined) return undefined;
    const bytes = Math.round(Number(parts?.[1]) * unit);
    return Number.isSafeInteger(bytes) ? bytes : undefined;
  },
};

const durationUnits: Readonly<Record<string, Ms>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

export const duration: Reader<Ms> = {
  expected: 'a duration, as in "60s", "1m30s" or milliseconds',
  read: (value) => {
    if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
    if (typeof value !== "string" || !/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(value)) return undefined;
    let sum = 0;
    for (const [, count, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
      sum += Number(count) * (durationUnits[unit ?? ""] ?? 0);
    }
    // Timers of the platform hold no more than 31 bits.
    return sum < 2 ** 31 ? Math.round(sum) : undefined;
  },
};

export function listOf<T>(item: Reader<T>): Reader<T[]> {
  return {
    expected: `a list, each of it ${item.expected}`,
    read: (value) => {
      if (!Array.isArray(value)) return undefined;
      const items = value.map((each) => item.read(each));
      return items.includes(undefined) ? undefined : (items as T[]);
    },
  };
}

/** A table whose keys are names of the operator's choosing. */
export function tableOf<T>(item: Reader<T>): Reader<Record<string, T>> {
  return {
    expected: `a table, each value of it ${item.expected}`,
    read: (value) => {
      if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Date)
        return undefined;
      const entries = Object.entries(value).map(([key, each]) => [key, item.read(each)] as const);
      if (entries.some(([, each]) => each === undefined)) return undefined;
      return Object.fromEntries(entries) as Record<string, T>;
    },
  };
}

/** Reads a table that has just these keys; one that may be left out reads undefined as well. */
function tableWith<T>(
  expected: string,
  keys: { readonly [Key in keyof T]: (value: unknown) => T[Key] | undefined },
  optional: readonly (keyof T & string)[] = [],
): Reader<T> {
  return {
    expected,
    read: (value) => {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
      if (Object.keys(value).some((key) => !Object.hasOwn(keys, key))) return undefined;
      const table: Partial<T> = {};
      for (const key of Object.keys(keys) as (keyof T & string)[]) {
        const given = (value as Record<string, unknown>)[key];
        if (given === undefined && optional.includes(key)) continue;
        const read = keys[key](given);
        if (read === undefined) return undefined;
        table[key] = read;
      }
      return table as T;
    },
  };
}

/** `NAME=value`. */
export const variable: Reader<string> = {
  expected: 'a variable, as in "NAME=value"',
  read: (value) => (typeof value === "string" && /^[^=\0]+=[^\0]*$/.test(value) ? value : undefined),
};

/** As CRI-O's `additional_devices`. */
export const device: Reader<string> = {
  expected: 'a device, as in "/dev/fuse", "/dev/fuse:rw" or "/dev/sdc:/dev/xvdc:rwm"',
  read: (value) => (typeof value === "string" && parseDeviceText(value) !== undefined ? value : undefined),
};

export const bindMount: Reader<string> = {
  expected: 'a mount, as in "/srv/data:/data" or "/srv/data:/data:ro,nosuid"',
  read: (value) => (typeof value === "string" && parseMountText(value) !== undefined ? value : undefined),
};

export const processors: Reader<string> = {
  expected: 'a list of processors, as in "0-3,7"',
  read: (value) => (typeof value === "string" && parseNumberList(value) !== undefined ? value : undefined),
};

/** As CRI-O's `timezone`. */
export const timezone: Reader<string> = {
  expected: 'a time zone, as in "Europe/Berlin", or "Local"',
  read: (value) =>
    typeof value === "string" && /^([A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*)?$/.test(value) ? value : undefined,
};

/** What an OCI runtime runs; its time-out is a duration here, and whole seconds there. */
export const hook: Reader<HookSetting> = tableWith<HookSetting>(
  `a hook, as in { path = "/usr/bin/true", args = ["true"], env = ["A=b"], timeout = "10s", stages = [${hookStages.map((stage) => `"${stage}"`).join(", ")}] }`,
  {
    path: (value) => absolutePath.read(value),
    args: (value) => listOf(text).read(value),
    env: (value) => listOf(variable).read(value),
    timeout: (value) => {
      const ms = duration.read(value);
      return ms === undefined || ms === 0 ? undefined : Math.ceil(ms / 1000);
    },
    stages: (value) => {
      const stages = listOf(oneOf(...hookStages)).read(value);
      return stages?.length === 0 ? undefined : stages;
    },
  },
  ["args", "env", "timeout"],
);

const rlimitKeys = ["type", "soft", "hard"];

/** Of a process (getrlimit(2)): `RLIMIT_` may be left out; -1 is no limit. */
export const rlimit: Reader<{ type: string; soft: number; hard: number }> = {
  expected: 'a limit, as in { type = "RLIMIT_NOFILE", soft = 1024, hard = 4096 }',
  read: (value) => {
    if (typeof value !== "object" || value === null) return undefined;
    if (Object.keys(value).some((key) => !rlimitKeys.includes(key))) return undefined;
    const { type, soft, hard } = value as Record<string, unknown>;
    if (typeof type !== "string" || !/^(RLIMIT_)?[A-Z]+$/.test(type)) return undefined;
    const [low, high] = [soft, hard].map((limit) => wholeNumber(-1).read(limit));
    if (low === undefined || high === undefined) return undefined;
    if (high !== -1 && (low === -1 || low > high)) return undefined;
    return { type: type.startsWith("RLIMIT_") ? type : `RLIMIT_${type}`, soft: low, hard: high };
  },
};
