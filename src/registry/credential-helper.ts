import * as v from "valibot";
import { Fault } from "../base/fault.ts";
import type { Bytes, Ms } from "../base/units.ts";
import type { Processes } from "../linux/contract.ts";
import { type Credential, readCredential } from "./credential.ts";

const helperWithin: Ms = 15_000;
const outputMax: Bytes = 65_536;
/** What helpers of clouds are told of where they are; nothing else of the daemon's environment reaches them. */
const handedOn = /^(HOME|TMPDIR|LANG|(https?|no|all)_proxy|(AWS|AZURE|GOOGLE|GCLOUD|CLOUDSDK)_\w+)$/i;

/** How helpers are run. */
export interface HelperHost {
  readonly processes: Processes;
  /** Where they are looked for, as PATH. */
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
}

const answer = v.object({ Username: v.string(), Secret: v.string() });

/**
 * Asks `docker-credential-NAME` for what it has for a registry (docker-credential-helpers' protocol: `get`, the server's
 * name on standard input, JSON on standard output).
 *
 * @returns undefined when it has nothing
 * @throws {Fault} notFound when there is no such program; unavailable when it fails or answers what is no credential
 */
export async function askHelper(
  name: string,
  registry: string,
  host: HelperHost,
  signal: AbortSignal,
): Promise<Credential | undefined> {
  const program = `docker-credential-${name}`;
  const env = Object.entries(host.env).filter(
    (pair): pair is [string, string] => handedOn.test(pair[0]) && pair[1] !== undefined,
  );
  const server = registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
  const command = {
    path: program,
    args: ["get"],
    env: { ...Object.fromEntries(env), PATH: host.path },
    cwd: "/",
    stdin: server,
    maxOutput: outputMax,
  };
  const until = AbortSignal.any([signal, AbortSignal.timeout(helperWithin)]);
  const { code, stdout, truncated } = await host.processes.run(command, until);
  const said = Buffer.from(stdout).toString();
  if (code !== 0) {
    if (/credentials not found|no credentials server URL/i.test(said.slice(0, 1000))) return undefined;
    // What it says is not told: that of some helpers holds parts of what they sent.
    throw new Fault("unavailable", `${program} ends with ${code ?? "a signal"}`, {
      hint: `echo ${server} | ${program} get`,
    });
  }
  if (truncated) throw new Fault("unavailable", `${program} answers with more than ${outputMax} bytes`);
  return credentialIn(said, program);
}

function credentialIn(said: string, program: string): Credential | undefined {
  let read: v.InferOutput<typeof answer>;
  try {
    read = v.parse(answer, JSON.parse(said));
  } catch {
    // Parse errors quote what they read: a secret.
    throw new Fault("unavailable", `${program} answers with what is no credential`);
  }
  return read.Username === "<token>"
    ? readCredential({ identityToken: read.Secret })
    : readCredential({ username: read.Username, password: read.Secret });
}
