import koffi from "koffi";
import { closeFd, errnoName, libc } from "./libc.ts";

const inotifyInit = libc.func("int inotify_init1(int flags)");
const IN_CLOEXEC = 0o2000000;

/** Makes an inotify instance and lets go of it. @returns the errno's name when none can be made: EMFILE at the limit */
export function inotifyRefusal(): string | undefined {
  const fd = inotifyInit(IN_CLOEXEC) as number;
  if (fd < 0) return errnoName(koffi.errno());
  closeFd(fd);
  return undefined;
}
