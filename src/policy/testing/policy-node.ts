import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openTestNode, type TestNode } from "../../image/testing/node.ts";
import { hostProcesses } from "../../linux/processes.ts";
import { openAdmission } from "../admission.ts";

const signal = new AbortController().signal;

/** A node of which images are pulled, as far as its policies let them in. */
export interface PolicyNode extends TestNode {
  at(name: string): string;
  /** @returns the path */
  write(name: string, content: unknown, mode?: number): string;
  pull(name: string, namespace?: string): ReturnType<TestNode["images"]["pull"]>;
}

/**
 * A node whose policies lie in a directory of its own.
 * @param verifying how long a verifier may take: longer than one takes that answers, unless said
 */
export async function openPolicyNode(verifying = 60_000): Promise<PolicyNode> {
  const directory = mkdtempSync(join(tmpdir(), "berth-policy-"));
  const at = (name: string) => join(directory, name);
  const write = (name: string, content: unknown, mode = 0o644) => {
    mkdirSync(dirname(at(name)), { recursive: true });
    writeFileSync(at(name), typeof content === "string" ? content : JSON.stringify(content), { mode });
    return at(name);
  };
  write("policy.json", { default: [{ type: "insecureAcceptAnything" }] });
  mkdirSync(at("verifiers"));
  const processes = hostProcesses();
  const path = process.env.PATH ?? "";
  const verifiers = { directory: at("verifiers"), max: 2, timeout: verifying };
  const registriesDirectory = at("registries.d");
  write("registries.d/default.yaml", `default-docker:\n  lookaside: file://${at("lookaside")}\n`);
  const admission = openAdmission({
    settings: {
      file: at("policy.json"),
      namespaceDirectory: at("namespaces"),
      registriesDirectory,
      gpgv: "gpgv",
      verifiers,
    },
    gpg: { processes, gpgv: "gpgv", path, scratch: at("scratch") },
    lookaside: { registriesDirectory, proxyEnv: undefined },
    verifying: { processes, path, settings: verifiers },
  });
  const node = await openTestNode({ admission });
  return {
    ...node,
    at,
    write,
    pull: (name, namespace = "") => node.images.pull(name, { namespace }, signal),
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
