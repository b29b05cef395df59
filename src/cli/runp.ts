import { readPodSandboxConfig } from "./config-file/read.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { addConnection } from "./options.ts";
import { runPodSandbox } from "./run-pod.ts";

/** `berth runp`: a pod without containers, from a file. */
export const defineRunp: Define = (command, context) => {
  addManual(command, {
    description:
      "Makes a pod without containers from a file, and prints the pod's id. The file is a " +
      "PodSandboxConfig of the CRI in JSON or YAML, as crictl takes it; without a uid the pod gets one.",
    examples: [
      ["berth runp pod-config.json", "Make the pod."],
      ["berth create $POD container-config.json pod-config.json", "Then create a container in it."],
    ],
  });
  addConnection(command)
    .argument("<file>", "the configuration of the pod: .json, .yaml or .yml")
    .option("-r, --runtime <handler>", "runtime handler, as in crun or runc")
    .action(async (file: string, options: { readonly runtime?: string }) => {
      const config = await readPodSandboxConfig(file);
      const runtime = await context.connect(command);
      process.stdout.write(`${await runPodSandbox(runtime, config, options.runtime)}\n`);
    });
};
