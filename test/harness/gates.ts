import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestDaemon } from "./daemon.ts";
import { eventually } from "./pods.ts";

/** Where a daemon's programs can be held up or made to fail. */
type Gate = "attach" | "detach" | "create" | "start";

const plugin = "/usr/lib/cni/bridge";
const runtime = "crun";

/** Puts scripts before the bridge plugin and the OCI runtime, so that tests decide when these go on, and whether they work. */
export class Gates {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** The runtime handler that goes through the gates. The plugin always does. */
  readonly handler = "gated";

  /** Sets them up, all open, and starts the daemon anew with them. */
  static async install(daemon: TestDaemon): Promise<Gates> {
    const directory = join(daemon.workspace.directory, "gates");
    const bin = join(directory, "bin");
    mkdirSync(bin, { recursive: true });
    const gates = new Gates(directory);
    const script = (name: string, text: string) => writeFileSync(join(bin, name), text, { mode: 0o755 });
    script("bridge", gates.#pluginScript());
    script("gated-runtime", gates.#runtimeScript());
    const dropIns = join(daemon.workspace.directory, "config.d");
    mkdirSync(dropIns);
    writeFileSync(
      join(dropIns, "gates.toml"),
      `[network]\nbinDirs = ["${bin}", "/usr/lib/cni"]\n` +
        `[runtime.handlers.${gates.handler}]\nbinary = "${bin}/gated-runtime"\n`,
    );
    await daemon.stop();
    await daemon.launch();
    return gates;
  }

  /** Whatever comes to the gate from now on waits there. */
  close(gate: Gate): void {
    writeFileSync(this.#file(gate, "closed"), "");
  }

  /** Whatever comes to the gate from now on fails there. */
  break(gate: Gate): void {
    writeFileSync(this.#file(gate, "broken"), "");
  }

  /** Lets all through, and those that waited. */
  open(gate: Gate): void {
    for (const how of ["closed", "broken", "arrived"]) rmSync(this.#file(gate, how), { force: true });
  }

  hasArrived(gate: Gate): boolean {
    return existsSync(this.#file(gate, "arrived"));
  }

  /** Waits until something stands at the gate. @returns what it is about: the pod's or container's id */
  arrival(gate: Gate): Promise<string> {
    const file = this.#file(gate, "arrived");
    return eventually(`an arrival at the gate ${gate}`, 10_000, async () =>
      existsSync(file) ? readFileSync(file, "utf8").trim() || undefined : undefined,
    );
  }

  #file(gate: Gate, how: string): string {
    return join(this.#directory, `${gate}.${how}`);
  }

  #pluginScript(): string {
    const broken = `{"cniVersion": "1.0.0", "code": 11, "msg": "the gate is broken"}`;
    return `#!/bin/sh
case $CNI_COMMAND in ADD) gate=attach;; DEL) gate=detach;; *) exec ${plugin};; esac
${this.#wait("$CNI_CONTAINERID")}
if [ -e "$at.broken" ]; then echo '${broken}'; exit 1; fi
exec ${plugin}
`;
  }

  #runtimeScript(): string {
    return `#!/bin/sh
gate=other
for last; do case $last in create | start) gate=$last;; esac; done
${this.#wait("$last")}
exec ${runtime} "$@"
`;
  }

  #wait(about: string): string {
    return `at=${this.#directory}/$gate
[ -e "$at.closed" ] && echo "${about}" > "$at.arrived"
while [ -e "$at.closed" ]; do sleep 0.02; done`;
  }
}
