import { fstatSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { O_PATH, openBeneath, openDirectory, pathAt } from "../../linux/open-beneath.ts";
import type { ContainerUser } from "../state.ts";
import { readBoundedFile } from "./bounded-file.ts";
import { containerUser, type UserRequest } from "./user.ts";
import { parseGroup, parsePasswd } from "./user-files.ts";

/** Large directories of users fit in; a file meant to fill the daemon's memory does not. */
const maxUserFile = 1024 * 1024;

/**
 * Who the container runs as, from what is asked for and the users that its root file system defines. Files there are
 * hostile input: links are resolved as the container would, and only regular files of bounded size are opened.
 *
 * @throws {Fault} as `containerUser`; invalid or exhausted for a file that can't be read so
 */
export async function findUser(
  rootfs: string,
  request: UserRequest,
  imageUser: string,
): Promise<ContainerUser> {
  using root = openDirectory(rootfs);
  const [passwd, group] = await Promise.all([
    readUserFile(root.fd, "/etc/passwd"),
    readUserFile(root.fd, "/etc/group"),
  ]);
  return containerUser(request, imageUser, { passwd: parsePasswd(passwd), groups: parseGroup(group) });
}

/** The text of the file; empty when the image has none. */
async function readUserFile(root: number, path: string): Promise<string> {
  const name = `the image's ${path}`;
  try {
    // Found before it is opened: opening a pipe or a device may wait or do something.
    using file = openBeneath(root, path, O_PATH, { confine: "inRoot" });
    if (!fstatSync(file.fd).isFile()) throw new Fault("invalid", `${name} is not a regular file`);
    return await readBoundedFile(pathAt(file.fd), maxUserFile, name);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return "";
    if (code === "ELOOP") throw new Fault("invalid", `${name} is a ring of symbolic links`, { cause: error });
    throw error;
  }
}
