import { readSync, writeFileSync, writeSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import type { IdRange, NamespaceKind, UserRanges } from "./contract.ts";
import { errnoOf, systemFault } from "./libc.ts";
import { Pipe } from "./pipe.ts";
import { posixSpawnSync } from "./posix-spawn.ts";
import { reapOnceEnded } from "./reap.ts";

/** util-linux's option for each kind. */
const options: Readonly<Record<NamespaceKind, string>> = { net: "--net", ipc: "--ipc", uts: "--uts" };
const longestComplaint = 4096;

/**
 * A process in a new user namespace, and in new namespaces of `kinds` that this one owns, until it is disposed of: they
 * last by who uses or pins them meanwhile. A process with several threads can't make a user namespace, so a program does:
 * `unshare`, which becomes a `cat` that echoes what it is sent. It ends with this process, as its input does.
 *
 * Acts at once: for a worker thread.
 */
export class NamespaceHolder implements Disposable {
  readonly pid: number;
  readonly #input = new Pipe();
  readonly #output = new Pipe();

  /** @throws {Fault} unavailable with what `unshare` said; invalid for ids that the kernel doesn't take */
  constructor(kinds: readonly NamespaceKind[], users: UserRanges) {
    try {
      this.pid = posixSpawnSync({
        file: "unshare",
        argv: ["unshare", "--user", ...kinds.map((kind) => options[kind]), "cat"],
        environment: [`PATH=${process.env.PATH ?? "/usr/bin:/bin"}`],
        cwd: "/",
        stdin: this.#input.read,
        stdout: this.#output.write,
        stderr: this.#output.write,
      });
    } catch (error) {
      this.#closePipes();
      throw systemFault("starting unshare, which makes user namespaces", error, {
        hint: "install util-linux",
      });
    }
    this.#input.close("read");
    this.#output.close("write");
    try {
      this.#waitForEcho();
      this.#map("uid", users.uids);
      this.#map("gid", users.gids);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #waitForEcho(): void {
    const sent = "\n";
    try {
      writeSync(this.#input.write, sent);
    } catch (error) {
      if (errnoOf(error) !== "EPIPE") throw error; // it has ended, and says why below
    }
    const said = this.#readLine();
    if (said === sent) return;
    throw new Fault("unavailable", `making a user namespace: ${said.trim() || "unshare said nothing"}`, {
      hint: "sysctl user.max_user_namespaces must not be 0",
    });
  }

  /** Complaints come in pieces: their writer does not buffer. */
  #readLine(): string {
    const piece = Buffer.alloc(longestComplaint);
    let said = "";
    while (!said.includes("\n") && said.length < longestComplaint) {
      const count = readSync(this.#output.read, piece);
      if (count === 0) break;
      said += piece.toString("utf8", 0, count);
    }
    return said;
  }

  #map(kind: "uid" | "gid", { hostId, length }: IdRange): void {
    try {
      writeFileSync(`/proc/${this.pid}/${kind}_map`, `0 ${hostId} ${length}\n`);
    } catch (error) {
      const mapping = `${kind}s 0 to ${length - 1} from ${hostId} on`;
      throw new Fault("invalid", `mapping ${mapping}: the kernel refuses it`, { cause: error });
    }
  }

  [Symbol.dispose](): void {
    this.#closePipes();
    process.kill(this.pid, "SIGKILL");
    reapOnceEnded(this.pid);
  }

  #closePipes(): void {
    this.#input[Symbol.dispose]();
    this.#output[Symbol.dispose]();
  }
}
