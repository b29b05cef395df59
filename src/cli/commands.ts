import type { Define } from "./context.ts";

/** A command by name: its code is read only when it is asked for, so that each starts fast. */
export interface CommandEntry {
  readonly name: string;
  readonly about: string;
  load(): Promise<Define>;
}

/** Every command, in the order in which the help shows them. */
export const commands: readonly CommandEntry[] = [
  {
    name: "serve",
    about: "run the daemon in the foreground",
    load: async () => (await import("./serve.ts")).defineServe,
  },
  {
    name: "run",
    about: "run a pod with one container from an image",
    load: async () => (await import("./run.ts")).defineRun,
  },
  { name: "pods", about: "list pod sandboxes", load: async () => (await import("./pods.ts")).definePods },
  { name: "ps", about: "list containers", load: async () => (await import("./ps.ts")).definePs },
  {
    name: "stop",
    about: "stop containers or pod sandboxes",
    load: async () => (await import("./stop.ts")).defineStop,
  },
  {
    name: "rm",
    about: "remove containers or pod sandboxes",
    load: async () => (await import("./rm.ts")).defineRm,
  },
  { name: "images", about: "list images", load: async () => (await import("./images.ts")).defineImages },
  {
    name: "pull",
    about: "pull an image from a registry",
    load: async () => (await import("./pull.ts")).definePull,
  },
  { name: "rmi", about: "remove images", load: async () => (await import("./rmi.ts")).defineRmi },
  {
    name: "import",
    about: "take images from archives, without a registry",
    load: async () => (await import("./import.ts")).defineImport,
  },
  {
    name: "export",
    about: "write images to an archive",
    load: async () => (await import("./export.ts")).defineExport,
  },
  {
    name: "logs",
    about: "show what a container wrote",
    load: async () => (await import("./logs.ts")).defineLogs,
  },
  {
    name: "exec",
    about: "run a program in a container to its end",
    load: async () => (await import("./exec.ts")).defineExec,
  },
  {
    name: "inspect",
    about: "show all about a container, pod sandbox or image",
    load: async () => (await import("./inspect.ts")).defineInspect,
  },
  {
    name: "info",
    about: "show the state of the runtime",
    load: async () => (await import("./info.ts")).defineInfo,
  },
  {
    name: "version",
    about: "show the versions of the command and the runtime",
    load: async () => (await import("./version.ts")).defineVersion,
  },
  {
    name: "config",
    about: "show the settings",
    load: async () => (await import("./config.ts")).defineConfig,
  },
  {
    name: "doctor",
    about: "look for what is wrong on this node",
    load: async () => (await import("./doctor.ts")).defineDoctor,
  },
];
