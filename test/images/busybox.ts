import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { TarEntry } from "./tar.ts";

/** Debian's busybox-static. */
const busybox = "/bin/busybox";

const passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
guest:x:1000:1000:guest:/home:/bin/sh
nobody:x:65534:65534:nobody:/home:/bin/false
`;
const group = `root:x:0:
daemon:x:1:
www-data:x:33:
users:x:100:guest
guest:x:1000:
crew:x:50000:guest
nogroup:x:65534:
`;

export function directory(path: string, mode = 0o755): TarEntry {
  return { path: `${path}/`, kind: "directory", mode };
}

export function file(path: string, data: string | Uint8Array, mode = 0o644): TarEntry {
  return { path, kind: "file", mode, data: typeof data === "string" ? Buffer.from(data) : data };
}

/** A small root file system: busybox with its applets as hard links, users, groups, /tmp. */
export function busyboxLayer(): TarEntry[] {
  const applets = execFileSync(busybox, ["--list"], { encoding: "utf8" }).split("\n");
  const directories = [
    "bin",
    "dev",
    "etc",
    "home",
    "proc",
    "sys",
    "usr",
    "usr/bin",
    "usr/sbin",
    "var",
    "var/log",
    "run",
  ];
  return [
    ...directories.map((path) => directory(path)),
    directory("root", 0o700),
    directory("tmp", 0o1777),
    { path: "var/run", kind: "symlink", mode: 0o777, target: "/run" },
    file("bin/busybox", readFileSync(busybox), 0o755),
    ...applets
      .filter((applet) => applet !== "" && applet !== "busybox")
      .map(
        (applet): TarEntry => ({
          path: `bin/${applet}`,
          kind: "hardlink",
          mode: 0o755,
          target: "bin/busybox",
        }),
      ),
    file("etc/passwd", passwd),
    file("etc/group", group),
  ];
}
