import { parseArgs } from "node:util";
import { full, quick, type Sizes, tiny } from "./phases/bench.ts";

export const usage = `node bench/compare.ts [options]

  --quick                  fewer rounds, 50 pods, one pull: about three minutes for two daemons
  --tiny                   as little as shows that all of it works
  --only PARTS             of pods,exec,streams,lists,memory,probes,pull (all), with commas between
  --berth RUNTIMES         berth's default handlers, each a daemon of its own: crun,runc (the default is crun)
  --shim NAME=PATH         berth with runc under this containerd-shim-runc-v2, a daemon of its own; again for more
  --handler NAME=FILE      berth with the first [runtime.handlers.…] of this TOML file, such as one for gVisor; again for more
  --containerd NAME=PATH   a containerd, its shim beside it; again for more. Default: "containerd 1.6=/usr/bin/containerd"
                           PATH may go on ",shim=PATH,config=FILE": another shim than runc's for its pods, with its configuration
  --peer NAME=HOW          another daemon; again for more. HOW is unix:///SOCKET[,pid=N][,images=DIRECTORY] for one that
                           runs, or a command that starts one in the foreground: directories below $BENCH_DIRECTORY,
                           CNI configuration from $BENCH_NET_D, images from $BENCH_REGISTRY (plain HTTP), its socket at
                           $BENCH_SOCKET
  --no-peers               without Debian's containerd, so that only what is named runs beside berth
  --registry HOST:PORT     a registry that has bench/busybox, bench/big and pause images; without it, one is started
  --data DIRECTORY         where that one keeps its images for the next run (/var/tmp/berth-bench)
  --rounds N, --pods N     turns of pod lives, and how many pods there are at once, instead of what is said above
  --json FILE              writes all readings there
  --table FILE             only prints the table of what --json wrote; again to join several
  --help
`;

export interface Options {
  readonly help: boolean;
  readonly sizes: Sizes;
  readonly parts: ReadonlySet<Part>;
  readonly berth: readonly ("crun" | "runc")[];
  /** Of berths whose containers are under one. */
  readonly shims: readonly Named[];
  /** Of berths with a handler of one's own. */
  readonly handlers: readonly Named[];
  readonly containerds: readonly Named[];
  readonly peers: readonly Named[];
  readonly registry: string | undefined;
  readonly data: string;
  readonly json: string | undefined;
  readonly tableOf: readonly string[];
}

const parts = ["pods", "exec", "streams", "lists", "memory", "probes", "pull"] as const;
export type Part = (typeof parts)[number];

export interface Named {
  readonly name: string;
  readonly value: string;
}

/** @throws {Error} for what makes no sense */
export function optionsOf(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      tiny: { type: "boolean", default: false },
      only: { type: "string", default: parts.join(",") },
      berth: { type: "string", default: "crun" },
      shim: { type: "string", multiple: true, default: [] },
      handler: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      pods: { type: "string" },
      containerd: { type: "string", multiple: true },
      peer: { type: "string", multiple: true, default: [] },
      "no-peers": { type: "boolean", default: false },
      registry: { type: "string" },
      data: { type: "string", default: "/var/tmp/berth-bench" },
      json: { type: "string" },
      table: { type: "string", multiple: true, default: [] },
    },
  });
  const sizes = values.tiny ? tiny : values.quick ? quick : full;
  const { rounds = sizes.rounds, pods = sizes.pods } = values;
  const debian = values["no-peers"] ? [] : ["containerd 1.6=/usr/bin/containerd"];
  return {
    help: values.help,
    sizes: { ...sizes, rounds: countOf(rounds), pods: countOf(pods) },
    parts: new Set(oneOf(values.only, parts)),
    berth: oneOf(values.berth, ["crun", "runc"]),
    shims: values.shim.map(named),
    handlers: values.handler.map(named),
    containerds: (values.containerd ?? debian).map(named),
    peers: values.peer.map(named),
    registry: values.registry,
    data: values.data,
    json: values.json,
    tableOf: values.table,
  };
}

function countOf(text: string | number): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`"${text}" is no count`);
  return count;
}

function oneOf<Known extends string>(text: string, known: readonly Known[]): Known[] {
  return text.split(",").map((word) => {
    const found = known.find((each) => each === word);
    if (found === undefined) throw new Error(`"${word}" is none of ${known.join(", ")}`);
    return found;
  });
}

function named(text: string): Named {
  const at = text.indexOf("=");
  if (at < 1) throw new Error(`"${text}" is not NAME=…`);
  return { name: text.slice(0, at), value: text.slice(at + 1) };
}
