import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { explainMissing } from "./missing-call.ts";
import { addConnection, addOutput, type OutputOptions } from "./options.ts";
import { runtimeConfigDocument } from "./output/cri-documents.ts";
import { facts } from "./output/facts.ts";
import { print } from "./output/print.ts";

/** `berth runtime-config`: what the runtime tells a kubelet of itself. */
export const defineRuntimeConfig: Define = (command, context) => {
  addManual(command, {
    description: "Shows what the runtime tells a kubelet that asks how to treat it: its cgroup driver.",
    examples: [["berth runtime-config", "The cgroup driver that the kubelet takes over."]],
  });
  addOutput(addConnection(command)).action(async (options: OutputOptions) => {
    const runtime = await context.connect(command);
    const answer = await runtime.pods.runtimeConfig({}).catch((error: unknown) => {
      throw explainMissing(error, runtime, "RuntimeConfig", "a kubelet uses its own setting then");
    });
    const document = runtimeConfigDocument(answer);
    print(options.output, document, () => facts([["cgroup driver", document.linux?.cgroupDriver ?? ""]]));
  });
};
