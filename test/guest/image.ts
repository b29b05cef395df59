import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory } from "./places.ts";
import { type Contents, finishingScript, hashOf, type Recipe, recipeOf } from "./recipe.ts";

/** Where a guest starts from. Nothing writes to these files: each run has its own layer above them. */
export interface GuestImage {
  readonly kernel: string;
  readonly initialRamDisk: string;
  /** A program: User-Mode Linux. */
  readonly userModeKernel: string;
  readonly rootDisk: string;
}

/** The root file system with these contents, from the cache or made now. */
export async function guestImage(contents: Contents): Promise<GuestImage> {
  const recipe = recipeOf(contents);
  const directory = join(cacheDirectory, `${contents}-${hashOf(recipe)}`);
  mkdirSync(cacheDirectory, { recursive: true });
  if (!existsSync(directory)) {
    await using _lock = await lock(join(cacheDirectory, "lock"));
    if (!existsSync(directory)) make(recipe, directory);
  }
  return {
    kernel: join(directory, "vmlinuz"),
    initialRamDisk: join(directory, "initrd"),
    userModeKernel: join(directory, "linux.uml"),
    rootDisk: join(directory, "root.img"),
  };
}

/** Waits until no other run makes an image. */
async function lock(file: string): Promise<AsyncDisposable> {
  const holder = spawn("flock", ["--no-fork", file, "sh", "-c", "echo held; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await new Promise((resolve, reject) => {
    holder.stdout.once("data", resolve);
    holder.once("error", reject).once("exit", (code) => reject(new Error(`flock ended with ${code}`)));
  });
  return {
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        holder.once("exit", () => resolve());
        holder.stdin.end();
      }),
  };
}

/** Made beside its place and moved there when it is whole. */
function make(recipe: Recipe, directory: string): void {
  process.stderr.write(`guest: making ${directory}, once\n`);
  const begun = performance.now();
  const workshop = mkdtempSync(join(cacheDirectory, "making-"));
  try {
    const tree = join(workshop, "tree");
    const result = join(workshop, "result");
    mkdirSync(result);
    installPackages(recipe, tree);
    for (const file of ["vmlinuz", "initrd", "linux.uml"])
      renameSync(join(tree, "boot", file), join(result, file));
    makeDisk(tree, join(result, "root.img"), recipe.size);
    renameSync(result, directory);
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
  process.stderr.write(`guest: made in ${Math.round((performance.now() - begun) / 1000)} s\n`);
}

/** In mounts of its own, as the packages' scripts want /proc and /sys in there. */
function installPackages({ suite, packages, leftOut }: Recipe, tree: string): void {
  const debian = sourcesOfThisHost();
  const command = [
    ...["unshare", "--mount", "--propagation", "private"],
    ...["mmdebstrap", "--quiet", "--mode=root", "--variant=apt", "--format=directory"],
    `--include=${packages.join(",")}`,
    `--aptopt=APT::Install-Recommends "false"`,
    ...proxiesOfThisHost().map((option) => `--aptopt=${option}`),
    ...leftOut.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
    `--customize-hook=${finishingScript}`,
    ...[suite, tree, ...debian],
  ];
  run(command);
}

/** Debian's sources as apt has them here; none: mmdebstrap's own. */
function sourcesOfThisHost(): readonly string[] {
  const format = "$(ORIGIN) deb $(REPO_URI) $(RELEASE) $(COMPONENT)";
  const listed = execFileSync("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]);
  const lines = listed.toString().split("\n");
  return lines.filter((line) => line.startsWith("Debian ")).map((line) => line.slice("Debian ".length));
}

function proxiesOfThisHost(): readonly string[] {
  const listed = execFileSync("apt-config", ["dump", "--format", '%F "%v";%n', "Acquire"]).toString();
  return listed.split("\n").filter((line) => /^Acquire::https?::.*"."/i.test(line));
}

/** What makes a disk with a copy of a directory. Without a journal: nobody trusts it after a crash. */
export function diskCommand(directory: string, file: string, size: string): readonly string[] {
  return ["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", directory, file, size];
}

export function makeDisk(directory: string, file: string, size: string): void {
  run(diskCommand(directory, file, size));
}

function run([program = "", ...args]: readonly string[]): void {
  execFileSync(program, args, { stdio: ["ignore", "ignore", "inherit"] });
}
