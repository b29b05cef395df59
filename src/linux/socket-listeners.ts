import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** In /proc/net/unix: the socket takes connections (__SO_ACCEPTCON). */
const accepts = 0x10000;

/** A process that holds a socket. */
export interface SocketHolder {
  readonly pid: number;
  /** The name of its program, as the kernel has it. */
  readonly program: string;
}

/** Who listens at a unix socket's path; none when the holders can't be seen from here. Looks through every process. */
export function socketListeners(path: string): SocketHolder[] {
  const links = new Set(
    readFileSync("/proc/net/unix", "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields.slice(7).join(" ") === path)
      .filter(([, , , flags]) => (Number.parseInt(flags ?? "", 16) & accepts) !== 0)
      .map((fields) => `socket:[${fields[6]}]`),
  );
  if (links.size === 0) return [];
  return namesIn("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => namesIn(`/proc/${pid}/fd`).some((fd) => links.has(linkOf(`/proc/${pid}/fd/${fd}`))))
    .map((pid) => ({ pid: Number(pid), program: programOf(pid) }));
}

/** Processes end while they are looked at. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function programOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}
