import { readFileSync } from "node:fs";
import { join } from "node:path";
import { succeeded } from "./installed-node.ts";
import { repository } from "./service.ts";

/** `make deb`, where there may be no `make`. @returns the package */
export async function makePackage(): Promise<string> {
  const makefile = readFileSync(join(repository, "Makefile"), "utf8");
  const [, listed = ""] = /^RUN_PACKAGES :=((?:.*\\\n)*.*)$/m.exec(makefile) ?? [];
  const packages = listed.replaceAll(/[\\\s]+/g, " ").trim();
  return (await succeeded(join(repository, "packaging/deb/build.sh"), packages)).trim();
}

/** The same package as one of another version, in `directory`. */
export async function repackaged(packaged: string, version: string, directory: string): Promise<string> {
  const [tree, made] = [join(directory, "tree"), join(directory, "berth.deb")];
  const script = `
    dpkg-deb --raw-extract "$1" "$2"
    sed -i "s/^Version: .*/Version: $4/" "$2/DEBIAN/control"
    mv "$2"/usr/lib/berth/releases/* "$2/usr/lib/berth/releases/$4"
    echo "$4" >"$2/usr/lib/berth/release"
    dpkg-deb -Znone --build "$2" "$3"`;
  await succeeded("sh", "-euc", script, "sh", packaged, tree, made, version);
  return made;
}

/** Without waiting for the disk after each of its files: no power is cut. */
export async function installPackage(packaged: string): Promise<void> {
  await succeeded("dpkg", "--force-unsafe-io", "--install", packaged);
}
