import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { during, Fault, isFault } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import { BerthService, type PullImageProgress } from "../wire/gen/berth.v1.ts";
import { AuthConfig, ImageSpec, PodSandboxConfig } from "../wire/gen/runtime.v1.ts";
import type { Runtime } from "./context.ts";
import { size } from "./output/units.ts";
import { followTransfer } from "./transfer/follow.ts";
import { TransferProgress } from "./transfer/progress.ts";
import { quietShow, showTransfer } from "./transfer/show.ts";
import { pullWords } from "./transfer/words.ts";
import { UsageError } from "./usage-error.ts";

/** What is pulled, and with what. */
export interface PullRequest {
  readonly image: string;
  readonly auth?: AuthConfig | undefined;
  /** The Kubernetes namespace whose policy holds. */
  readonly namespace?: string | undefined;
  /** For runtimes that heed them; berth has no use for them. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Of the pod that it is for. */
  readonly sandboxConfig?: PodSandboxConfig | undefined;
}

/** How a pull is watched. */
export interface PullWatch {
  /** Nothing is shown before the end. */
  readonly quiet?: boolean;
  /** Ends the pull. */
  readonly signal: AbortSignal;
}

/**
 * Pulls an image and shows on standard error how far it is: layer by layer where the runtime is a berth, else by the
 * time that it takes.
 *
 * @returns what the runtime calls it: an id
 */
export async function pullImage(runtime: Runtime, request: PullRequest, watch: PullWatch): Promise<string> {
  const isPlain = request.annotations === undefined && request.sandboxConfig === undefined;
  const told = isPlain ? await pullTelling(runtime, request, watch) : undefined;
  if (told !== undefined) return told;
  try {
    return await pullSilently(runtime, request, watch);
  } catch (error) {
    throw during(`pulling ${request.image}`, error);
  }
}

/** By berth's own call, whose errors say what was pulled. @returns undefined when the runtime does not have it */
async function pullTelling(
  runtime: Runtime,
  { image: reference, auth, namespace = "" }: PullRequest,
  { quiet, signal }: PullWatch,
): Promise<string | undefined> {
  const startedAt = performance.now();
  const progress = new TransferProgress();
  const steps = runtime
    .calls(BerthService)
    .pullImage({ reference, auth, namespace }, { signal })
    [Symbol.asyncIterator]();
  // Whoever does not know the call says so before anything is shown.
  const first = await steps.next().catch((error: unknown) => {
    if (isFault(error, "unimplemented")) return undefined;
    throw error;
  });
  if (first === undefined) return undefined;
  let last: PullImageProgress | undefined;
  {
    using show = quiet ? quietShow : showTransfer(pullWords, reference, progress);
    last = await followTransfer(first, steps, progress, show);
  }
  if (last?.step?.$case !== "image")
    throw new Fault("internal", "the daemon ended its answer before the image was there");
  if (!quiet) tellEnd(progress, startedAt);
  return last.step.value.id;
}

function tellEnd(progress: TransferProgress, startedAt: Ms): void {
  const { layers, total } = progress.view(performance.now());
  const what =
    layers.length === 0 ? "the image is up to date" : `pulled ${size(total)} in ${secondsSince(startedAt)} s`;
  process.stderr.write(`${what}\n`);
}

function secondsSince(startedAt: Ms): string {
  return ((performance.now() - startedAt) / 1000).toFixed(1);
}

/** By the CRI's call, which tells nothing before its end. */
async function pullSilently(
  runtime: Runtime,
  { image, auth, annotations = {}, namespace, sandboxConfig: given }: PullRequest,
  { quiet, signal }: PullWatch,
): Promise<string> {
  const startedAt = performance.now();
  const spec = ImageSpec.create({ image, annotations });
  const metadata = { name: "", uid: "", namespace: namespace ?? "", attempt: 0 };
  const sandboxConfig =
    given ?? (namespace === undefined ? undefined : PodSandboxConfig.create({ metadata }));
  let id: string;
  {
    using _show = quiet ? quietShow : showTransfer(pullWords, image, undefined);
    id = (await runtime.images.pullImage({ image: spec, auth, sandboxConfig }, { signal })).imageRef;
  }
  if (!quiet) process.stderr.write(`pulled in ${secondsSince(startedAt)} s\n`);
  return id;
}

/** True when the runtime has `image`. */
export async function hasImage(runtime: Runtime, image: string): Promise<boolean> {
  const answer = await runtime.images.imageStatus({ image: ImageSpec.create({ image }), verbose: false });
  return answer.image !== undefined;
}

/** The options by which commands are told a registry's credentials. */
export interface CredentialOptions {
  readonly creds?: string;
  readonly credsFile?: string;
  /** base64 of `user:password`, as crictl's --auth. */
  readonly auth?: string;
}

export function addCredentials(command: Command): Command {
  return command
    .option(
      "--creds <user:password>",
      "for the registry; others on this node can see it while the command runs",
    )
    .option("--creds-file <file>", "user:password, read from a file")
    .option("--auth <base64>", "the same in base64, as registries' configuration files have it");
}

/** @throws {UsageError} for what is not `user:password`, or when there are two kinds of it */
export function authFrom({ creds, credsFile, auth }: CredentialOptions): AuthConfig | undefined {
  if ([creds, credsFile, auth].filter((given) => given !== undefined).length > 1) {
    throw new UsageError("credentials are given once: by --creds, --creds-file or --auth");
  }
  if (auth !== undefined) return AuthConfig.create({ auth });
  const text = credsFile === undefined ? creds : readFileSync(credsFile, "utf8").trimEnd();
  if (text === undefined) return undefined;
  const colon = text.indexOf(":");
  if (colon <= 0) throw new UsageError("credentials are given as user:password");
  return AuthConfig.create({ username: text.slice(0, colon), password: text.slice(colon + 1) });
}
