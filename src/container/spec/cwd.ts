import { posix } from "node:path";
import { Fault } from "../../base/fault.ts";

/**
 * Where the process starts: the config's directory, else the image's, else `/`. The OCI runtime makes it in the root
 * file system when it is missing.
 *
 * @throws {Fault} invalid when it is not absolute
 */
export function processCwd(configDir: string, imageDir: string): string {
  const [cwd, from] =
    configDir === "" ? [imageDir, "the image's working directory"] : [configDir, "config.workingDir"];
  if (cwd === "") return "/";
  if (!posix.isAbsolute(cwd)) throw new Fault("invalid", `${from} "${cwd}" is not an absolute path`);
  if (cwd.includes("\0")) throw new Fault("invalid", `${from} holds a NUL byte`);
  return posix.normalize(cwd);
}
