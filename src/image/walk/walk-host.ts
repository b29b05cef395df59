import { throwIfEnded } from "../../base/deadline.ts";
import { describeFault, Fault } from "../../base/fault.ts";
import type { Digest } from "../../base/ids.ts";
import type { Bytes } from "../../base/units.ts";
import { Refused } from "../../registry/answer.ts";
import { bodyChunks } from "../../registry/body.ts";
import type { LoneHost } from "../../registry/client.ts";
import type { HostState } from "../../registry/host-health.ts";
import { drain } from "../../registry/redirect.ts";
import { ConnectionLost } from "../../registry/transport.ts";
import { step, type WalkStep } from "../../registry/walk-step.ts";
import type { Descriptor } from "../../spec/oci-image.ts";
import { formatReference, type Reference } from "../../spec/reference.ts";
import type { HostCapability } from "../../spec/registry-host.ts";
import { registrySource } from "../find-at-registry.ts";
import type { ImageParts } from "../parts.ts";
import { resolveImage } from "../resolve.ts";
import type { ResolvedImage } from "../resolved.ts";

/** How much of a layer is fetched: its beginning is enough to see that it comes. */
const pieceBytes: Bytes = 65_536;

/** What a walk works with. */
export type WalkParts = Pick<ImageParts, "registry" | "settings" | "platforms">;

/** What the walk has found so far, at all hosts. */
export interface Findings {
  /** What the tag stands for. */
  digest: Digest | undefined;
  readonly meantBy: string[];
  /** Hosts that gave the manifest and the beginning of a layer. */
  readonly servedBy: string[];
  readonly problems: HostProblem[];
}

/** Why a host did not give the image, and what to do. */
interface HostProblem {
  readonly isRegistry: boolean;
  readonly story: string;
  readonly hint: string;
}

/** What a host is asked for. */
interface HostWalk {
  readonly reference: Reference;
  /** How the host has done for the daemon so far. */
  readonly state: HostState | undefined;
  /** Filled by whatever the host is asked. */
  readonly told: WalkStep[];
  readonly findings: Findings;
}

/** Asks one host for the image: whether the API is there, what the name stands for, the beginning of a layer. */
export async function* walkHost(
  host: LoneHost,
  asked: HostWalk,
  parts: WalkParts,
  signal: AbortSignal,
): AsyncGenerator<WalkStep, void, undefined> {
  const { base, isRegistry } = host.session.host;
  const { findings, told } = asked;
  yield hostStep(host, asked.state);
  const stages: [WalkStep["name"], (image: ResolvedImage | undefined) => Promise<Stage>][] = [
    ["ping", () => ping(host, signal)],
    ["manifest", () => findManifest(host, asked, parts, signal)],
    ["layer", (image) => beginLayer(host, image, signal)],
  ];
  let image: ResolvedImage | undefined;
  for (const [name, stage] of stages) {
    const began = performance.now();
    const { last, image: found } = await stage(image).catch(async (error: unknown): Promise<Stage> => {
      throwIfEnded(signal, `asking ${base}`);
      await lookAtCertificate(host, causeOf(error), told, signal);
      const { story, hint } = explain(error);
      findings.problems.push({ isRegistry, story, hint });
      return { last: step(name, "failed", story, { hint }) };
    });
    yield* told.splice(0);
    yield { ...last, took: performance.now() - began };
    if (last.outcome === "failed" || last.outcome === "skipped") return;
    image = found;
  }
  findings.servedBy.push(base);
}

/** What came of a part of the way. */
interface Stage {
  readonly last: WalkStep;
  readonly image?: ResolvedImage | undefined;
}

function hostStep({ session }: LoneHost, state: HostState | undefined): WalkStep {
  const { base, isRegistry, headers } = session.host;
  const who = isRegistry ? "the registry" : "a mirror";
  const extra =
    Object.keys(headers).length === 0 ? "" : `, with the headers ${Object.keys(headers).join(", ")}`;
  const facts = { role: isRegistry ? "registry" : "mirror", inARow: String(state?.inARow ?? 0) };
  if (state?.problem === undefined) return step("host", "ok", `${base}: ${who}${extra}`, { facts });
  const rests =
    state.restsFor === undefined
      ? ""
      : `, and is asked last for the next ${Math.ceil(state.restsFor / 1000)} s`;
  const failed = `failed ${state.inARow} times in a row${rests}; at last: ${state.problem}`;
  return step("host", "note", `${base}: ${who}${extra}; in the daemon's pulls it ${failed}`, { facts });
}

/** Whether the API is there. A host that says no to this may give the image all the same. */
async function ping({ session, repository }: LoneHost, signal: AbortSignal): Promise<Stage> {
  const [capability] = session.host.capabilities;
  if (capability === undefined) return { last: step("ping", "skipped", "it may be asked for nothing") };
  try {
    await repository.atAnyHost("asking for the API", capability, signal, async () => {
      drain((await session.ask("GET", "", {}, signal)).answer);
    });
    return { last: step("ping", "ok", "the API is there") };
  } catch (error) {
    if (!(causeOf(error) instanceof Refused)) throw error;
    return { last: step("ping", "note", describeFault(causeOf(error))) };
  }
}

async function findManifest(
  { session, repository }: LoneHost,
  { reference, findings }: HostWalk,
  { settings, platforms }: WalkParts,
  signal: AbortSignal,
): Promise<Stage> {
  const { base, capabilities } = session.host;
  const may = (capability: HostCapability) => capabilities.has(capability);
  const byTag = reference.digest === undefined && may("resolve") ? (reference.tag ?? "latest") : undefined;
  if (byTag === undefined && !may("pull"))
    return { last: step("manifest", "skipped", "it may not be asked for content (capabilities)") };
  const named = byTag ?? findings.digest;
  if (named === undefined)
    return { last: step("manifest", "skipped", "no host has said what the tag stands for") };
  const digest = (await repository.resolve(named, signal)) ?? named;
  const root = await repository.manifest(digest, signal);
  if (byTag !== undefined) findings.meantBy.push(base);
  findings.digest ??= root.digest;
  const descriptor = { digest: root.digest, mediaType: root.mediaType, size: root.bytes.length };
  const source = registrySource(repository, formatReference(reference));
  const image = await resolveImage(
    { descriptor, bytes: root.bytes },
    source,
    { settings, platforms },
    signal,
  );
  return { last: manifestStep(reference, root.digest, image, findings), image };
}

function manifestStep(
  reference: Reference,
  root: Digest,
  { manifest, layers, config }: ResolvedImage,
  findings: Findings,
): WalkStep {
  const bytes = layers.reduce((sum, { blob }) => sum + blob.size, 0);
  const isIndex = manifest.digest !== root;
  const platform = [config.os, config.architecture, config.variant].filter(Boolean).join("/");
  const chosen = isIndex ? `, an index; for ${platform} ${manifest.digest}` : ` for ${platform}`;
  const size = `${layers.length} layer${layers.length === 1 ? "" : "s"}, ${(bytes / 1e6).toFixed(1)} MB`;
  const facts = {
    digest: root,
    manifest: manifest.digest,
    layers: String(layers.length),
    bytes: String(bytes),
  };
  const text = `${formatReference(reference)} is ${root}${chosen}; ${size}`;
  if (findings.digest === root) return step("manifest", "ok", text, { facts });
  return step("manifest", "note", `${text}; another host says it is ${findings.digest}`, { facts });
}

async function beginLayer(
  { session, repository }: LoneHost,
  image: ResolvedImage | undefined,
  signal: AbortSignal,
): Promise<Stage> {
  if (!session.host.capabilities.has("pull"))
    return { last: step("layer", "skipped", "it may not be asked for content (capabilities)") };
  const blob = image?.layers[0]?.blob;
  if (blob === undefined) return { last: step("layer", "ok", "the image has no layers") };
  const { came, isPartial } = await repository.atAnyHost(`fetching ${blob.digest}`, "pull", signal, () =>
    pieceOf(session, blob, signal),
  );
  const ranges = isPartial ? "ranges are served" : "ranges are not served: what breaks off begins anew";
  const facts = { digest: blob.digest, bytes: String(came), ranges: String(isPartial) };
  const text = `${came} of ${blob.size} bytes of ${blob.digest}; ${ranges}`;
  return { last: step("layer", isPartial ? "ok" : "note", text, { facts }) };
}

async function pieceOf(session: LoneHost["session"], blob: Descriptor, signal: AbortSignal) {
  const end = Math.min(blob.size, pieceBytes);
  const headers = { range: `bytes=0-${end - 1}` };
  const { answer, url } = await session.ask("GET", `blobs/${blob.digest}`, { headers }, signal);
  let came = 0;
  for await (const chunk of bodyChunks(answer, url, 10_000, signal)) {
    came += chunk.length;
    if (came >= end) break;
  }
  return { came: Math.min(came, end), isPartial: answer.statusCode === 206 };
}

/** Of a host whose certificate is not trusted: adds what it has shown. */
async function lookAtCertificate(
  { session }: LoneHost,
  error: unknown,
  told: WalkStep[],
  signal: AbortSignal,
): Promise<void> {
  if (
    !(error instanceof ConnectionLost) ||
    !/SELF_SIGNED|UNABLE_TO|DEPTH_ZERO|CERT_|ERR_TLS/.test(error.code)
  )
    return;
  const before = told.splice(0);
  await session.showCertificate(signal).catch(() => undefined);
  told.splice(0, Infinity, ...before, ...told.filter(({ name }) => name === "tls"));
}

/** What the host itself said. */
function causeOf(error: unknown): unknown {
  let at = error;
  while (at instanceof Error && at.cause !== undefined) at = at.cause;
  return at;
}

/** What happened, without what was being done, which the step's name says; and what to do about it. */
function explain(error: unknown): { readonly story: string; readonly hint: string } {
  const hint = error instanceof Fault ? (error.hint ?? "") : "";
  const said = error instanceof Fault && error.cause !== undefined ? error.cause : error;
  return { story: describeFault(said).replace(` (${hint})`, ""), hint };
}
