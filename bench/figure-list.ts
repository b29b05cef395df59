/** A row of the table. */
export interface Figure {
  /** Under which its readings are kept. */
  readonly key: string;
  readonly title: string;
  readonly group: string;
  readonly better: "less" | "more";
  /** p50 and p99, or what there is one of or few. */
  readonly shown: "spread" | "median";
  /** The ratio to the best peer that is aimed at. */
  readonly aim?: number;
  /** What it is to stay below, in its own unit. */
  readonly budget?: number;
  /** A call that older peers do not have. */
  readonly isNew?: true;
}

type Rest = Pick<Figure, "aim" | "budget" | "isNew">;

function spread(group: string, key: string, title: string, rest: Rest = {}): Figure {
  return { group, key, title, better: "less", shown: "spread", ...rest };
}

function single(group: string, key: string, title: string, rest: Rest = {}): Figure {
  return { group, key, title, better: "less", shown: "median", ...rest };
}

function rate(group: string, key: string, title: string, rest: Rest = {}): Figure {
  return { group, key, title, better: "more", shown: "median", ...rest };
}

const up = "A pod's start (ms)";
const down = "A pod's end (ms)";
const life = "A pod's whole life";
const exec = "ExecSync `true`";
const much = "%g MiB through a stream, there and back";
const many = "%s streams, open together (ms)";
const probes = "An exec probe a second in each of %n pods";
const lists = "Calls at %n pods (ms)";
const memory = "Memory (PSS, MB)";
const pull = "Pull of an image of %m MB in 6 gzip layers";

/** All that is measured, in the order of the table. */
export const figures: readonly Figure[] = [
  spread(up, "RunPodSandbox", "RunPodSandbox"),
  spread(up, "CreateContainer", "CreateContainer"),
  spread(up, "StartContainer", "StartContainer"),
  spread(up, "up", "**pod up**, all three", { aim: 0.7 }),
  spread(down, "StopContainer", "StopContainer(0)"),
  spread(down, "StopPodSandbox", "StopPodSandbox"),
  spread(down, "RemoveContainer", "RemoveContainer"),
  spread(down, "RemovePodSandbox", "RemovePodSandbox"),
  spread(down, "down", "**pod down**, all four", { aim: 0.6 }),
  single(life, "own CPU", "**CPU** of the daemon and of all it starts (ms)", { aim: 0.8 }),
  single(life, "machine CPU", "CPU of the machine, less idling and the client (ms)", { aim: 0.8 }),
  rate(life, "lives", "**lives a second**, 4 at once", { aim: 1.5 }),
  spread(exec, "ExecSync", "**alone** (ms)", { aim: 0.5 }),
  rate(exec, "execs", "a second, 4 at once"),
  spread(exec, "ExecSync of 8", "**each of 8 at once** (ms)", { aim: 0.5 }),
  single(exec, "exec CPU", "CPU of the daemon and of all it starts, each (ms)"),
  rate(much, "exec stream", "**exec**, stdin to stdout (MiB/s)", { aim: 1 }),
  single(much, "exec stream CPU", "CPU of the daemon and of all it starts (s)", { aim: 1 }),
  single(much, "exec stream memory", "growth of the daemon's memory at most (MB)", { budget: 64 }),
  rate(much, "port stream", "**port-forward** (MiB/s)", { aim: 1 }),
  single(much, "port stream CPU", "CPU of the daemon and of all it starts (s)", { aim: 1 }),
  single(much, "port stream memory", "growth of the daemon's memory at most (MB)", { budget: 64 }),
  single(many, "execs together", "**exec**, a line there and back each", { aim: 1 }),
  single(many, "ports together", "**port-forward**, a line there and back each", { aim: 1 }),
  single(probes, "probes CPU", "**CPU** of the daemon and of all it starts (ms a second)"),
  single(probes, "probe CPU", "each (ms)"),
  spread(probes, "probe", "a probe (ms)"),
  rate(probes, "probes", "probes a second"),
  spread(lists, "ListContainers", "**ListContainers**", { aim: 1 }),
  spread(lists, "ListPodSandbox", "**ListPodSandbox**", { aim: 1 }),
  spread(lists, "ListContainerStats", "**ListContainerStats**", { aim: 0.1 }),
  spread(lists, "ListPodSandboxStats", "**ListPodSandboxStats**", { aim: 0.1 }),
  spread(lists, "ListPodSandboxMetrics", "**ListPodSandboxMetrics**", { aim: 0.5, isNew: true }),
  single(lists, "metrics CPU", "its CPU, of the daemon and its monitors", { aim: 0.5, isNew: true }),
  single(memory, "daemon idle", "**daemon, idle**", { budget: 85 }),
  single(memory, "daemon with pods", "daemon with %n pods"),
  single(memory, "monitors with pods", "their monitors or shims"),
  single(memory, "all with pods", "**with %n pods, in all**", { budget: 150 }),
  single(memory, "a pod's processes", "a pod's processes: its monitors, its sandbox, and its own"),
  single(memory, "daemon after", "daemon, all pods removed"),
  single(memory, "idle CPU", "CPU of the daemon with %n idle pods (ms a second)"),
  single(pull, "pull", "**wall time (s)**", { aim: 0.5 }),
  single(pull, "pull CPU", "CPU of the daemon and of all it starts (s)"),
  single(pull, "pull disk", "disk (MB)"),
];

/** What the programs take that every runtime has to start, called by nothing else (ms). */
export const floorFigures: readonly Figure[] = [
  "bare CNI ADD bridge",
  "bare CNI ADD portmap",
  "bare conmon + crun create",
  "bare crun start",
  "bare up",
  "bare crun exec true",
  "bare crun kill, delete",
  "bare CNI DEL portmap",
  "bare CNI DEL bridge",
  "bare down",
].map((key) =>
  spread("The bare programs (ms)", key, key.replace("bare ", "").replace(/^(up|down)$/, "**$1**")),
);
