import type { Define } from "./context.ts";

/** How the help orders the commands. */
export const commandGroups = [
  "Containers and pods",
  "Images",
  "Daemon and node",
  "As crictl has it",
  "Command line",
] as const;

/** A command by name: its code is read only when it is asked for, so that each starts fast. */
export interface CommandEntry {
  readonly name: string;
  readonly about: string;
  readonly group: (typeof commandGroups)[number];
  /** It exits with the code of a program that it runs. */
  readonly handsOnExits?: true;
  load(): Promise<Define>;
}

/** Every command, in the order in which the help shows them. */
export const commands: readonly CommandEntry[] = [
  {
    name: "run",
    about: "run a pod with one container from an image",
    group: "Containers and pods",
    handsOnExits: true,
    load: async () => (await import("./run.ts")).defineRun,
  },
  {
    name: "create",
    about: "create a container without starting it",
    group: "Containers and pods",
    load: async () => (await import("./create.ts")).defineCreate,
  },
  {
    name: "start",
    about: "start containers that were created",
    group: "Containers and pods",
    load: async () => (await import("./start.ts")).defineStart,
  },
  {
    name: "pods",
    about: "list pod sandboxes",
    group: "Containers and pods",
    load: async () => (await import("./pods.ts")).definePods,
  },
  {
    name: "ps",
    about: "list containers",
    group: "Containers and pods",
    load: async () => (await import("./ps.ts")).definePs,
  },
  {
    name: "inspect",
    about: "show all about a container, pod sandbox or image",
    group: "Containers and pods",
    load: async () => (await import("./inspect.ts")).defineInspect,
  },
  {
    name: "logs",
    about: "show what a container wrote",
    group: "Containers and pods",
    load: async () => (await import("./logs.ts")).defineLogs,
  },
  {
    name: "exec",
    about: "run a program in a container",
    group: "Containers and pods",
    handsOnExits: true,
    load: async () => (await import("./exec.ts")).defineExec,
  },
  {
    name: "attach",
    about: "join the input and output of a container",
    group: "Containers and pods",
    handsOnExits: true,
    load: async () => (await import("./attach.ts")).defineAttach,
  },
  {
    name: "port-forward",
    about: "open ports on this machine that lead into a pod",
    group: "Containers and pods",
    load: async () => (await import("./port-forward.ts")).definePortForward,
  },
  {
    name: "cp",
    about: "copy files into and out of containers",
    group: "Containers and pods",
    load: async () => (await import("./cp.ts")).defineCp,
  },
  {
    name: "stop",
    about: "stop containers or pod sandboxes",
    group: "Containers and pods",
    load: async () => (await import("./stop.ts")).defineStop,
  },
  {
    name: "rm",
    about: "remove containers or pod sandboxes",
    group: "Containers and pods",
    load: async () => (await import("./rm.ts")).defineRm,
  },
  {
    name: "stats",
    about: "show what containers and pods use",
    group: "Containers and pods",
    load: async () => (await import("./stats.ts")).defineStats,
  },
  {
    name: "events",
    about: "show what happens to pods and containers",
    group: "Containers and pods",
    load: async () => (await import("./events.ts")).defineEvents,
  },
  {
    name: "update",
    about: "change the limits of containers",
    group: "Containers and pods",
    load: async () => (await import("./update.ts")).defineUpdate,
  },
  {
    name: "checkpoint",
    about: "write an archive of a running container",
    group: "Containers and pods",
    load: async () => (await import("./checkpoint.ts")).defineCheckpoint,
  },
  {
    name: "restore",
    about: "run a pod that goes on from a checkpoint",
    group: "Containers and pods",
    load: async () => (await import("./restore.ts")).defineRestore,
  },
  {
    name: "images",
    about: "list images",
    group: "Images",
    load: async () => (await import("./images.ts")).defineImages,
  },
  {
    name: "pull",
    about: "pull an image from a registry",
    group: "Images",
    load: async () => (await import("./pull.ts")).definePull,
  },
  {
    name: "rmi",
    about: "remove images",
    group: "Images",
    load: async () => (await import("./rmi.ts")).defineRmi,
  },
  {
    name: "prune",
    about: "remove images that nobody uses",
    group: "Images",
    load: async () => (await import("./prune.ts")).definePrune,
  },
  {
    name: "du",
    about: "show what images and containers take on disk",
    group: "Images",
    load: async () => (await import("./du.ts")).defineDu,
  },
  {
    name: "gc",
    about: "say why something is kept on disk",
    group: "Images",
    load: async () => (await import("./gc.ts")).defineGc,
  },
  {
    name: "push",
    about: "push an image to a registry",
    group: "Images",
    load: async () => (await import("./push.ts")).definePush,
  },
  {
    name: "tag",
    about: "give an image more names",
    group: "Images",
    load: async () => (await import("./tag.ts")).defineTag,
  },
  {
    name: "untag",
    about: "take names from images",
    group: "Images",
    load: async () => (await import("./tag.ts")).defineUntag,
  },
  {
    name: "history",
    about: "show how an image was made, layer by layer",
    group: "Images",
    load: async () => (await import("./history.ts")).defineHistory,
  },
  {
    name: "save",
    about: "write images to an archive",
    group: "Images",
    load: async () => (await import("./save.ts")).defineSave,
  },
  {
    name: "load",
    about: "take images from archives, without a registry",
    group: "Images",
    load: async () => (await import("./load.ts")).defineLoad,
  },
  {
    name: "policy",
    about: "say whether an image may be used",
    group: "Images",
    load: async () => (await import("./policy.ts")).definePolicy,
  },
  {
    name: "registry",
    about: "keep credentials of registries, and test the way to an image",
    group: "Images",
    load: async () => (await import("./registry.ts")).defineRegistry,
  },
  {
    name: "serve",
    about: "run the daemon in the foreground",
    group: "Daemon and node",
    load: async () => (await import("./serve.ts")).defineServe,
  },
  {
    name: "info",
    about: "show the state of the runtime",
    group: "Daemon and node",
    load: async () => (await import("./info.ts")).defineInfo,
  },
  {
    name: "version",
    about: "show the versions of the command and the runtime",
    group: "Daemon and node",
    load: async () => (await import("./version.ts")).defineVersion,
  },
  {
    name: "config",
    about: "show the settings",
    group: "Daemon and node",
    load: async () => (await import("./config.ts")).defineConfig,
  },
  {
    name: "cdi",
    about: "list CDI devices",
    group: "Daemon and node",
    load: async () => (await import("./cdi.ts")).defineCdi,
  },
  {
    name: "nri",
    about: "list the plugins that adjust containers",
    group: "Daemon and node",
    load: async () => (await import("./nri.ts")).defineNri,
  },
  {
    name: "doctor",
    about: "look for what is wrong on this node",
    group: "Daemon and node",
    load: async () => (await import("./doctor.ts")).defineDoctor,
  },
  {
    name: "runp",
    about: "run a pod without containers from a file",
    group: "As crictl has it",
    load: async () => (await import("./runp.ts")).defineRunp,
  },
  {
    name: "stopp",
    about: "stop pods",
    group: "As crictl has it",
    load: async () => (await import("./stop.ts")).defineStopp,
  },
  {
    name: "rmp",
    about: "remove pods",
    group: "As crictl has it",
    load: async () => (await import("./rm.ts")).defineRmp,
  },
  {
    name: "inspectp",
    about: "inspect pods",
    group: "As crictl has it",
    load: async () => (await import("./inspect.ts")).defineInspectOf("pod"),
  },
  {
    name: "inspecti",
    about: "inspect images",
    group: "As crictl has it",
    load: async () => (await import("./inspect.ts")).defineInspectOf("image"),
  },
  {
    name: "statsp",
    about: "show what pods use",
    group: "As crictl has it",
    load: async () => (await import("./stats.ts")).defineStatsp,
  },
  {
    name: "image",
    about: "list images",
    group: "As crictl has it",
    load: async () => (await import("./images.ts")).defineImages,
  },
  {
    name: "img",
    about: "list images",
    group: "As crictl has it",
    load: async () => (await import("./images.ts")).defineImages,
  },
  {
    name: "imagefsinfo",
    about: "show what images take on disk",
    group: "As crictl has it",
    load: async () => (await import("./imagefsinfo.ts")).defineImageFsInfo,
  },
  {
    name: "runtime-config",
    about: "show what the runtime tells a kubelet of itself",
    group: "As crictl has it",
    load: async () => (await import("./runtime-config.ts")).defineRuntimeConfig,
  },
  {
    name: "completion",
    about: "print a script for a shell's completion",
    group: "Command line",
    load: async () => (await import("./completion.ts")).defineCompletion,
  },
  {
    name: "help",
    about: "show the manual page of a command",
    group: "Command line",
    load: async () => (await import("./help.ts")).defineHelp,
  },
];
