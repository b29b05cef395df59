import { BerthService, RegistryOutcome, type RegistryStep } from "../../wire/gen/berth.v1.ts";
import type { Define } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { addManual } from "../help/manual.ts";
import { explainMissing } from "../missing-call.ts";
import { addConnection, addOutput, type OutputOptions } from "../options.ts";
import { documentOf } from "../output/print.ts";
import { addCredentials, authFrom, type CredentialOptions } from "../pull-image.ts";
import { stepText } from "./step-text.ts";

/** `berth registry test`: the way to an image, step by step. */
export const defineTest: Define = (command, context) => {
  addManual(command, {
    description:
      "Has the daemon go the way of a pull, without keeping anything, and tells of each step: what the name means, which " +
      "hosts.toml and hosts there are, then for each host the connection, TLS, the credential and where it is from, the " +
      "token, the manifest, and whether the beginning of a layer comes. Each host is asked, even when another one has given the " +
      "image. No secret is shown. Exits with 0 when the image can be pulled, else with 1.",
    examples: [
      ["berth registry test docker.io/library/busybox:1.36", "Why does this not come, or from where?"],
      ["berth registry test --creds-file /root/creds registry.example/app:2", "With that credential."],
      [
        "berth registry test -o json registry.example/app:2 | jq -r '.steps[] | select(.outcome == \"failed\") | .text'",
        "In a script.",
      ],
    ],
    files: [["/etc/berth/certs.d/HOST/hosts.toml", "How the registry HOST is reached."]],
  });
  addOutput(addCredentials(addConnection(command)))
    .argument("<image>", "as in docker.io/library/busybox:1.36")
    .action(async (reference: string, options: OutputOptions & CredentialOptions) => {
      const runtime = await context.connect(command);
      const signal = context.interrupted();
      const steps: RegistryStep[] = [];
      try {
        const request = { reference, auth: authFrom(options) };
        for await (const step of runtime.calls(BerthService).testRegistry(request, { signal })) {
          if (options.output === "table") process.stdout.write(stepText(step, steps.at(-1)));
          steps.push(step);
        }
      } catch (error) {
        throw explainMissing(
          error,
          runtime,
          "a test of registries",
          "berth pull shows what it says of a pull",
        );
      }
      const canBePulled = steps.at(-1)?.outcome === RegistryOutcome.REGISTRY_OK;
      if (options.output !== "table") {
        process.stdout.write(documentOf(options.output, { canBePulled, steps: steps.map(plain) }));
      }
      if (!canBePulled) context.exitWith(exitCodes.failed);
    });
};

const outcomeNames = ["ok", "failed", "skipped", "note"];

function plain({ name, host, outcome, text, facts, tookNanos, hint }: RegistryStep): object {
  return { name, host, outcome: outcomeNames[outcome], text, facts, tookNanos, hint };
}
