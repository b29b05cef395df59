import type { Command } from "commander";
import { BerthService, type TestPolicyResponse } from "../wire/gen/berth.v1.ts";
import type { CommandContext, Define } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, addOutput, type OutputOptions } from "./options.ts";
import { facts } from "./output/facts.ts";
import { print } from "./output/print.ts";
import { table } from "./output/table.ts";
import { addCredentials, authFrom, type CredentialOptions } from "./pull-image.ts";

interface TestOptions extends OutputOptions, CredentialOptions {
  readonly namespace?: string;
}

/** `berth policy`: which images may be used. */
export const definePolicy: Define = (command, context) => {
  addManual(command, {
    description:
      "Says which images may be used: by the signature policy of the node or of a Kubernetes namespace, and by " +
      "external verifiers.",
    examples: [["berth policy test quay.io/team/app:1", "Whether this image may be used, and why."]],
    files: [
      [
        "/etc/berth/policy.json",
        "The node's policy, unless policy.file names another; containers-policy.json(5).",
      ],
      ["/etc/berth/policies/NAMESPACE.json", "Takes its place for the pods of a namespace."],
      [
        "/opt/berth/image-verifier/bin/*",
        "Verifiers, unless policy.verifiers.directory names another place.",
      ],
    ],
  });
  defineTest(command.command("test"), context);
};

function defineTest(command: Command, context: CommandContext): void {
  addManual(command, {
    description:
      "Asks the daemon whether an image may be used, as a pull would before it fetches a layer: which policy and which " +
      "part of it holds, what each requirement finds, where signatures were looked for, and what verifiers say. Nothing " +
      "is kept of the image.",
    examples: [
      ["berth policy test quay.io/team/app:1", "By the node's policy."],
      ["berth policy test --namespace shop quay.io/team/app:1", "By that of a namespace, if it has one."],
      ["berth policy test -o json quay.io/team/app:1 | jq .allowed", "For a script."],
    ],
    exits: [
      ["0", "The image may be used."],
      [String(exitCodes.failed), "It may not, or that could not be found out."],
      [String(exitCodes.usage), "The command line is wrong."],
      [String(exitCodes.unreachable), "The daemon or the registry did not answer."],
      [String(exitCodes.notFound), "There is no such image."],
    ],
  });
  addOutput(addCredentials(addConnection(command)))
    .description("say whether an image may be used, and why")
    .argument("<image>", "as in docker.io/library/busybox:1.36")
    .option("--namespace <name>", "Kubernetes namespace of the pod that would use it")
    .action(async (reference: string, options: TestOptions) => {
      const runtime = await context.connect(command);
      const request = { reference, namespace: options.namespace ?? "", auth: authFrom(options) };
      const signal = context.interrupted();
      const report = await runtime.calls(BerthService).testPolicy(request, { signal });
      print(options.output, report, () => reportText(report));
      if (!report.allowed) context.exitWith(exitCodes.failed);
    });
}

function reportText({
  image,
  allowed,
  policy,
  requirements,
  lookedAt,
  verifiers,
}: TestPolicyResponse): string {
  const verdict = (accepted: boolean) => (accepted ? "accepted" : "refused");
  const sections = [
    facts([
      ["image", image],
      ["result", allowed ? "may be used" : "may not be used"],
      ["policy", policy === undefined ? "none" : `${policy.file} (${policy.because})`],
      ["rule", policy?.path ?? ""],
    ]),
  ];
  const add = (header: readonly string[], rows: readonly string[][]) => {
    if (rows.length > 0) sections.push(table(header, rows));
  };
  add(
    ["REQUIREMENT", "TYPE", "RESULT", "WHY"],
    requirements.map(({ path, type, accepted, reason }) => [path, type, verdict(accepted), reason]),
  );
  add(
    ["LOOKED AT", "SIGNATURES", "NOTE"],
    lookedAt.map(({ place, found, note }) => [place, `${found}`, note]),
  );
  add(
    ["VERIFIER", "RESULT", "WHY"],
    verifiers.map(({ name, accepted, reason }) => [name, verdict(accepted), reason]),
  );
  return sections.join("\n");
}
