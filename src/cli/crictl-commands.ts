import type { CommandEntry } from "./command-entry.ts";

/** What crictl has by a name of its own, for who is used to it. */
export const crictlCommands: readonly CommandEntry[] = [
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
];
