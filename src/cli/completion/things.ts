import type { Runtime } from "../context.ts";
import { listObjects } from "../find.ts";
import { shortId } from "../output/units.ts";
import { containerStateName } from "../ps.ts";
import type { Candidate } from "./candidates.ts";
import type { Kind } from "./kinds.ts";

/** The things of a kind that the runtime has: by name, and by short id once one is begun. */
export async function thingsOf(runtime: Runtime, kind: Kind, current: string): Promise<Candidate[]> {
  if (kind === "image") return images(runtime, current);
  if (kind === "handler") return handlers(runtime);
  const { pods, containers } = await listObjects(runtime);
  const ofPods = pods.flatMap(({ id, metadata, runtimeHandler }) => [
    { word: metadata?.name ?? "", about: `pod ${shortId(id)} ${runtimeHandler}`.trimEnd() },
    { word: shortId(id), about: `pod ${metadata?.name ?? ""}` },
  ]);
  const ofContainers = containers.flatMap(({ id, metadata, state }) => [
    { word: metadata?.name ?? "", about: `container ${shortId(id)} ${containerStateName(state)}` },
    { word: shortId(id), about: `container ${metadata?.name ?? ""} ${containerStateName(state)}` },
  ]);
  const found = {
    pod: ofPods,
    container: ofContainers,
    object: [...ofContainers, ...ofPods],
    place: ofContainers.map(({ word, about }) => ({ word: `${word}:`, about })),
    file: [],
    command: [],
  }[kind];
  return withoutIds(found, current);
}

async function images(runtime: Runtime, current: string): Promise<Candidate[]> {
  const { images } = await runtime.images.listImages({});
  const found = images.flatMap(({ id, repoTags, repoDigests }) => [
    ...(repoTags.length > 0 ? repoTags : repoDigests).map((word) => ({ word, about: shortId(id) })),
    { word: shortId(id), about: repoTags[0] ?? "" },
  ]);
  return withoutIds(found, current);
}

async function handlers(runtime: Runtime): Promise<Candidate[]> {
  const { runtimeHandlers } = await runtime.pods.status({ verbose: false });
  return runtimeHandlers.flatMap(({ name }) => (name === "" ? [] : [{ word: name, about: "" }]));
}

/** Ids are a nuisance among names; who has typed part of one wants it. Each word once: a run's pod has its container's. */
function withoutIds(found: readonly Candidate[], current: string): Candidate[] {
  const isId = ({ word }: Candidate) => /^[0-9a-f]{13}:?$/.test(word);
  const wanted = found.filter((candidate) => candidate.word !== "" && (current !== "" || !isId(candidate)));
  return [
    ...new Map(wanted.toReversed().map((candidate) => [candidate.word, candidate])).values(),
  ].toReversed();
}
