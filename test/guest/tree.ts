import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { bundleCommand, bundleDaemon } from "../../packaging/install/bundle.ts";
import { diskCommand } from "./image.ts";
import { repository } from "./places.ts";

/** Room for what tests write into the tree, such as a bundle. */
const size = "1G";

/**
 * Makes a disk with a copy of this tree as it is now. Command and daemon lie in it as bundles, of which they start in half
 * the time, and bin/berth runs these.
 *
 * @param directory for what is needed on the way
 */
export async function makeTreeDisk(file: string, directory: string): Promise<void> {
  const tree = join(directory, "tree");
  const bundles = join(tree, ".berth");
  mkdirSync(bundles, { recursive: true });
  symlinkSync(join(repository, "node_modules"), join(tree, "node_modules"));
  await Promise.all([
    bundleDaemon(join(bundles, "daemon")),
    bundleCommand(join(bundles, "command"), tree, false),
  ]);
  const place = join(repository, ".berth");
  mkdirSync(place, { recursive: true });
  const put = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
  const command = diskCommand(repository, file, size);
  execFileSync(
    "unshare",
    ["--mount", "--propagation", "private", "sh", "-c", put, "sh", bundles, place, ...command],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
}
