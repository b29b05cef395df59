import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { deadlineIn } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import type { Processes } from "../linux/contract.ts";
import { schemaIssue } from "../spec/schema-issue.ts";
import { keyPath, parseStrictJson } from "../spec/strict-json.ts";

const answerMax = 1 << 20;
const answerWithin = 30_000;

const provider = v.object({
  cmd: v.optional(
    v.object({ path: v.pipe(v.string(), v.nonEmpty("is empty")), args: v.nullish(v.array(v.string()), []) }),
  ),
  grpc: v.optional(v.string()),
});
const providersFile = v.object({ "key-providers": v.record(v.string(), provider) });
const answer = v.object({
  keyunwrapresults: v.object({ optsdata: v.pipe(v.string(), v.base64("is not base64")) }),
});

/** Programs and services that unwrap keys, by their names. */
export type KeyProviders = v.InferOutput<typeof providersFile>["key-providers"];

/** Reads `ocicrypt_keyprovider.conf`; one that isn't there names none. @throws {Fault} invalid, naming file and key */
export async function readKeyProviders(file: string): Promise<KeyProviders> {
  let value: unknown;
  try {
    value = parseStrictJson(await readFile(file, "utf8"));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new Fault("invalid", `the key providers' file ${file} can't be read`, { cause });
  }
  const read = v.safeParse(providersFile, value, { abortEarly: true });
  if (!read.success) throw new Fault("invalid", `${file}: ${schemaIssue(read.issues, keyPath)}`);
  return read.output["key-providers"];
}

/**
 * Has a provider unwrap a key (ocicrypt, docs/keyprovider.md, cmd).
 *
 * @throws {Fault} forbidden when there is none of this name, or it does not; unimplemented for one that is asked by gRPC
 */
export async function askKeyProvider(
  name: string,
  wrapped: Buffer,
  has: {
    readonly providers: KeyProviders;
    readonly file: string;
    readonly processes: Processes;
    readonly path: string;
  },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const shown = JSON.stringify(name.slice(0, 60));
  const provider = Object.hasOwn(has.providers, name) ? has.providers[name] : undefined;
  if (provider === undefined)
    throw new Fault("forbidden", `there is no key provider ${shown} in ${has.file}`);
  if (provider.cmd === undefined)
    throw new Fault(
      "unimplemented",
      `the key provider ${shown} is no command; others (grpc) are not supported`,
    );
  const { path, args } = provider.cmd;
  const question = {
    op: "keyunwrap",
    keywrapparams: { ec: null, optsdata: null },
    keyunwrapparams: { dc: { Parameters: {} }, annotation: wrapped.toString("base64") },
  };
  const command = {
    path,
    args: args ?? [],
    env: { PATH: has.path },
    stdin: JSON.stringify(question),
    maxOutput: answerMax,
  };
  using deadline = deadlineIn(answerWithin, signal);
  const ended = await has.processes.run(command, deadline.signal).catch((cause: unknown) => {
    if (signal.aborted) throw cause;
    throw new Fault("unavailable", `the key provider ${shown} can't be run`, { cause });
  });
  if (ended.code !== 0) {
    // What it prints there is for people; its standard output may hold keys.
    const said = Buffer.from(ended.stderr)
      .toString()
      .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
      .trim()
      .slice(0, 300);
    throw new Fault(
      "forbidden",
      `the key provider ${shown} exits with ${ended.code ?? ended.signal}${said && `: ${said}`}`,
    );
  }
  return answerOf(ended.stdout, shown);
}

function answerOf(bytes: Uint8Array, shown: string): Uint8Array {
  try {
    const { keyunwrapresults } = v.parse(answer, JSON.parse(Buffer.from(bytes).toString()));
    return Buffer.from(keyunwrapresults.optsdata, "base64");
  } catch {
    throw new Fault("corrupt", `the answer of the key provider ${shown} is malformed`);
  }
}
