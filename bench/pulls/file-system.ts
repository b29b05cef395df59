import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";

const bytes = 12 * 2 ** 30;

/** An empty ext4 in a sparse file: one from which much was just removed makes files slower for minutes. */
export class FreshFileSystem implements Disposable {
  readonly directory: string;
  readonly #home: string;

  constructor(data: string) {
    this.#home = mkdtempSync(join(data, "disk-"));
    this.directory = join(this.#home, "mounted");
    mkdirSync(this.directory);
    const image = join(this.#home, "image");
    closeSync(openSync(image, "w"));
    execFileSync("truncate", [`--size=${bytes}`, image]);
    execFileSync("mkfs.ext4", ["-q", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", image]);
    execFileSync("mount", ["-o", "loop", image, this.directory]);
  }

  /** What is allocated, in MB. */
  used(): number {
    execFileSync("sync", ["--file-system", this.directory]);
    const { blocks, bfree, bsize } = statfsSync(this.directory);
    return ((blocks - bfree) * bsize) / 1e6;
  }

  [Symbol.dispose](): void {
    execFileSync("umount", ["--lazy", this.directory]);
    rmSync(this.#home, { recursive: true, force: true });
  }
}
