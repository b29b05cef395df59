import { Fault } from "../../base/fault.ts";
import { BerthService } from "../../wire/gen/berth.v1.ts";
import type { Define } from "../context.ts";
import { addManual } from "../help/manual.ts";
import { explainMissing } from "../missing-call.ts";
import { addConnection } from "../options.ts";

/** `berth registry logout`: has the daemon forget a credential. */
export const defineLogout: Define = (command, context) => {
  addManual(command, {
    description:
      "Takes a registry's credential out of the daemon's own file. What Docker's or containers' files have, or what comes with a " +
      "call, is not changed.",
    examples: [["berth registry logout registry.example", "As it was named at the login."]],
  });
  addConnection(command)
    .argument("<registry>", "as it was named at the login")
    .action(async (registry: string) => {
      const runtime = await context.connect(command);
      const { file, removed } = await runtime
        .calls(BerthService)
        .registryLogout({ registry })
        .catch((error: unknown) => {
          throw explainMissing(error, runtime, "a store of credentials", "it has its own way for these");
        });
      if (!removed) throw new Fault("notFound", `${file} has no credential for ${registry}`);
      process.stdout.write(`removed from ${file}\n`);
    });
};
