import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { busyboxLayer, directory, file } from "./busybox.ts";
import type { ImageRecipe } from "./image.ts";
import type { TarEntry } from "./tar.ts";

const binary = "/usr/sbin/nginx";

/** Debian's nginx on a busybox, in four layers: base, libraries, server, site. Listens on port 80. */
export function nginxImage(name: string, greeting: string): ImageRecipe {
  return {
    name,
    layers: [busyboxLayer(), librariesLayer(), serverLayer(), siteLayer(greeting)],
    config: { Cmd: ["nginx", "-g", "daemon off;"], StopSignal: "SIGQUIT" },
  };
}

/** Every library that the dynamic linker says nginx needs, under the path where it will look. */
function librariesLayer(): TarEntry[] {
  const paths = execFileSync("ldd", [binary], { encoding: "utf8" })
    .split(/\s+/)
    .filter((word) => word.startsWith("/"));
  return [...directoriesAbove(paths), ...paths.map((path) => file(path.slice(1), readFileSync(path), 0o755))];
}

function directoriesAbove(paths: readonly string[]): TarEntry[] {
  const all = new Set<string>();
  for (const path of paths) {
    for (let at = dirname(path); at !== "/"; at = dirname(at)) all.add(at.slice(1));
  }
  return [...all].sort().map((path) => directory(path));
}

function serverLayer(): TarEntry[] {
  const conf = `user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log stderr notice;
events { worker_connections 64; }
http {
  access_log /dev/stdout;
  server { listen 80; root /usr/share/nginx/html; index index.html; }
}
`;
  const paths = [
    "usr/sbin",
    "etc/nginx",
    "usr/share",
    "usr/share/nginx",
    "var/log/nginx",
    "var/lib",
    "var/lib/nginx",
  ];
  return [
    ...paths.map((path) => directory(path)),
    file("usr/sbin/nginx", readFileSync(binary), 0o755),
    file("etc/nginx/nginx.conf", conf),
  ];
}

function siteLayer(greeting: string): TarEntry[] {
  return [directory("usr/share/nginx/html"), file("usr/share/nginx/html/index.html", `${greeting}\n`)];
}
