import { readFileSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { type Descriptor, mediaTypes, type Platform } from "../spec/oci-image.ts";

/** What this host runs, the best first. */
export function hostPlatforms(): Platform[] {
  const linux = (architecture: string, variant?: string): Platform => ({
    os: "linux",
    architecture,
    variant,
  });
  const arm = (from: number) => [8, 7, 6, 5].filter((n) => n <= from).map((n) => linux("arm", `v${n}`));
  switch (process.arch) {
    case "x64":
      return [...amd64Levels().map((variant) => linux("amd64", variant)), linux("386")];
    case "arm64":
      return [linux("arm64", "v8"), ...arm(8)];
    case "arm":
      return arm(7);
    case "ppc64":
      return [linux("ppc64le")];
    default:
      return [linux(process.arch)];
  }
}

/** The levels of the x86-64 psABI that this processor has, the highest first. */
function amd64Levels(): string[] {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" "));
  const has = (...names: string[]) => names.every((name) => flags.has(name));
  const levels = ["v1"];
  if (!has("cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3")) return levels;
  levels.unshift("v2");
  if (!has("avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave")) return levels;
  levels.unshift("v3");
  if (has("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")) levels.unshift("v4");
  return levels;
}

/**
 * Chooses from an index what fits this host best; an entry without a platform is taken when no other fits.
 *
 * @throws {Fault} notFound, naming the platforms that there are
 */
export function selectManifest(manifests: readonly Descriptor[], wanted: readonly Platform[]): Descriptor {
  const images = manifests.filter((entry) => isImage(entry.mediaType));
  for (const platform of wanted) {
    const found = images.find(
      (entry) => entry.platform !== undefined && same(normal(entry.platform), normal(platform)),
    );
    if (found !== undefined) return found;
  }
  const unsaid = images.find((entry) => entry.platform === undefined);
  if (unsaid !== undefined) return unsaid;
  const there = images.map((entry) => (entry.platform === undefined ? "?" : showPlatform(entry.platform)));
  const host = wanted[0] === undefined ? "this host" : showPlatform(wanted[0]);
  const others = there.slice(0, 20).join(", ") || "nothing";
  throw new Fault("notFound", `the image is not made for ${host}, only for ${others}`);
}

/** `linux/arm/v7`. */
function showPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join("/").slice(0, 60);
}

/** With the variant that is meant when none is said. */
function normal(platform: Platform): Platform {
  const architecture =
    { x86_64: "amd64", aarch64: "arm64", i386: "386" }[platform.architecture] ?? platform.architecture;
  const meant = { amd64: "v1", arm64: "v8", arm: "v7" }[architecture];
  return { os: platform.os, architecture, variant: platform.variant ?? meant };
}

function same(a: Platform, b: Platform): boolean {
  return a.os === b.os && a.architecture === b.architecture && a.variant === b.variant;
}

function isImage(mediaType: string): boolean {
  const types: readonly string[] = [
    mediaTypes.ociManifest,
    mediaTypes.dockerManifest,
    mediaTypes.ociIndex,
    mediaTypes.dockerIndex,
  ];
  return types.includes(mediaType);
}
