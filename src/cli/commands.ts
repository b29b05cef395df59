import type { Define } from "./context.ts";

/** How the help orders the commands. */
export const commandGroups = ["Containers and pods", "Images", "Daemon and node", "Command line"] as const;

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
    about: "run a program in a container to its end",
    group: "Containers and pods",
    handsOnExits: true,
    load: async () => (await import("./exec.ts")).defineExec,
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
    name: "runp",
    about: "run a pod without containers from a file",
    group: "Containers and pods",
    load: async () => (await import("./runp.ts")).defineRunp,
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
    name: "import",
    about: "take images from archives, without a registry",
    group: "Images",
    load: async () => (await import("./import.ts")).defineImport,
  },
  {
    name: "export",
    about: "write images to an archive",
    group: "Images",
    load: async () => (await import("./export.ts")).defineExport,
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
    name: "doctor",
    about: "look for what is wrong on this node",
    group: "Daemon and node",
    load: async () => (await import("./doctor.ts")).defineDoctor,
  },
  {
    name: "help",
    about: "show the manual page of a command",
    group: "Command line",
    load: async () => (await import("./help.ts")).defineHelp,
  },
];
