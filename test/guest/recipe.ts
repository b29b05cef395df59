import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { repository } from "./places.ts";

/**
 * What a guest's root file system holds: `node` is what a node has, and takes half the time to make; `tests` adds
 * what the end-to-end tests use.
 */
export type Contents = "node" | "tests";

const suite = "bookworm";
/** The kernels, what makes the one's initial RAM disk quickly, and what they find on a node. */
const system = [
  "linux-image-cloud-amd64",
  "user-mode-linux",
  "tiny-initramfs",
  ...["systemd", "systemd-sysv", "udev", "dbus", "kmod", "apparmor", "procps"],
];
/** Nobody reads these in a guest. */
const leftOut = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"];

/** Runs last, with the root file system's path. */
export const finishingScript = fileURLToPath(new URL("finish-image.sh", import.meta.url));

/** Everything that decides what comes out: other text, other image. */
export interface Recipe {
  readonly suite: string;
  readonly packages: readonly string[];
  readonly leftOut: readonly string[];
  /** What the finishing script says. */
  readonly finish: string;
  readonly size: string;
}

export function recipeOf(contents: Contents): Recipe {
  return {
    suite,
    packages: [...system, ...packagesOf(contents)],
    leftOut,
    finish: readFileSync(finishingScript, "utf8"),
    size: "8G",
  };
}

/** The Makefile's lists: what a node needs and what the tests need besides. */
function packagesOf(contents: Contents): readonly string[] {
  const target = contents === "node" ? "guest-node-packages" : "guest-test-packages";
  const listed = execFileSync("make", ["--silent", "--no-print-directory", "-C", repository, target]);
  return listed.toString().trim().split(/\s+/);
}

/** Short, for the name of a directory. */
export function hashOf(recipe: Recipe): string {
  return createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 16);
}
