import assert from "node:assert/strict";
import type { TestDaemon } from "./daemon.ts";

/** A line for `prepare`: a small file system in memory. `options` as in `size=16m,nr_inodes=500`. */
export function smallTmpfs(at: string, options: string): string {
  return `mkdir -p ${at}; mount -t tmpfs -o ${options} none ${at}`;
}

/** A line for `prepare`: a small ext4 in a file beside the directory, which is read-only after an error, as most are. */
export function smallExt4(at: string, size: string, mkfsOptions = ""): string {
  return `mkdir -p ${at}; truncate -s ${size} ${at}.img; mkfs.ext4 -q ${mkfsOptions} -m 0 ${at}.img; mount -o loop,errors=remount-ro ${at}.img ${at}`;
}

/** Fills the file system that holds `directory` until it takes no byte, or no file, more. */
export async function fillDisk(
  daemon: TestDaemon,
  directory: string,
  what: "bytes" | "inodes" = "bytes",
): Promise<void> {
  const fill =
    what === "inodes"
      ? "seq 20000 | xargs touch"
      : // a block for a directory may be left when none is for a file
        "cat /dev/zero >> bytes; seq 3000 | xargs mkdir -p";
  await daemon.inside("sh", "-c", `mkdir -p ${directory}/ballast && cd ${directory}/ballast && { ${fill}; }`);
  const { code } = await daemon.inside(
    "sh",
    "-c",
    `mkdir -p ${directory}/more && echo x > ${directory}/more/x`,
  );
  assert.notEqual(code, 0, `${directory} takes more`);
}

/** Takes all of an ext4 but so many MiB. */
export async function leaveFree(daemon: TestDaemon, directory: string, mebibytes: number): Promise<void> {
  const rest = `$(($(stat -f -c '%a * %S' ${directory}) - ${mebibytes * 2 ** 20}))`;
  const take = `mkdir -p ${directory}/ballast && fallocate -l ${rest} ${directory}/ballast/rest`;
  const { code, stderr } = await daemon.inside("sh", "-c", take);
  assert.equal(code, 0, stderr);
}

export async function emptyDisk(daemon: TestDaemon, directory: string): Promise<void> {
  const { code, stderr } = await daemon.inside("rm", "-rf", `${directory}/ballast`, `${directory}/more`);
  assert.equal(code, 0, stderr);
}
