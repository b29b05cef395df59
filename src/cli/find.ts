import { Fault } from "../base/fault.ts";
import type { Container, PodSandbox } from "../wire/gen/runtime.v1.ts";
import type { Runtime } from "./context.ts";
import { shortId } from "./output/units.ts";

/** On the pods that `berth run` makes: pod and container are one thing to the user. */
export const madeByRunLabel = "berth.run/name";

/** What a name or id on the command line means. */
export type Found =
  | { readonly kind: "pod"; readonly id: string; readonly pod: PodSandbox }
  | { readonly kind: "container"; readonly id: string; readonly container: Container };

/** All pod sandboxes and containers, for `findObject`. */
export interface Objects {
  readonly pods: readonly PodSandbox[];
  readonly containers: readonly Container[];
}

export async function listObjects(runtime: Runtime): Promise<Objects> {
  const [{ items }, { containers }] = await Promise.all([
    runtime.pods.listPodSandbox({}),
    runtime.pods.listContainers({}),
  ]);
  return { pods: items, containers };
}

/**
 * The pod sandbox or container that `wanted` names: an id, a prefix of only one, or a name. With `whole`, a container
 * that `berth run` made stands for its pod.
 *
 * @throws {Fault} notFound; invalid when it could be several, naming them
 */
export function findObject({ pods, containers }: Objects, wanted: string, whole: "pod" | "container"): Found {
  const ofRun = new Map(pods.filter((pod) => madeByRunLabel in pod.labels).map((pod) => [pod.id, pod]));
  const found: Found[] = [
    ...pods
      .filter((pod) => pod.id.startsWith(wanted) || pod.metadata?.name === wanted)
      .filter((pod) => whole === "pod" || !ofRun.has(pod.id))
      .map((pod): Found => ({ kind: "pod", id: pod.id, pod })),
    ...containers
      .filter((container) => matches(container, wanted, ofRun.get(container.podSandboxId), whole))
      .map((container) => containerOrItsPod(container, ofRun, whole)),
  ];
  const different = [...new Map(found.map((object) => [object.id, object])).values()];
  const exact = different.find((object) => object.id === wanted);
  const only = exact ?? (different.length === 1 ? different[0] : undefined);
  if (only !== undefined && wanted !== "") return only;
  if (different.length === 0 || wanted === "") {
    throw new Fault("notFound", `there is no container or pod "${wanted}"`, {
      hint: "`berth ps -a` and `berth pods` list what there is",
    });
  }
  const named = different.slice(0, 6).map((object) => `${object.kind} ${shortId(object.id)}`);
  throw new Fault("invalid", `"${wanted}" could be any of ${different.length}: ${named.join(", ")}`, {
    hint: "give more digits of the id",
  });
}

function matches(
  container: Container,
  wanted: string,
  runPod: PodSandbox | undefined,
  whole: "pod" | "container",
) {
  if (container.id.startsWith(wanted) || container.metadata?.name === wanted) return true;
  return (
    whole === "container" && (runPod?.metadata?.name === wanted || runPod?.id.startsWith(wanted) === true)
  );
}

function containerOrItsPod(
  container: Container,
  ofRun: ReadonlyMap<string, PodSandbox>,
  whole: "pod" | "container",
): Found {
  const pod = whole === "pod" ? ofRun.get(container.podSandboxId) : undefined;
  return pod === undefined
    ? { kind: "container", id: container.id, container }
    : { kind: "pod", id: pod.id, pod };
}

/** The container that `wanted` names; a pod's name will do where the pod has only one. @throws {Fault} as findObject */
export async function findContainer(runtime: Runtime, wanted: string): Promise<Container> {
  const objects = await listObjects(runtime);
  const found = findObject(objects, wanted, "container");
  if (found.kind === "container") return found.container;
  const inside = objects.containers.filter((container) => container.podSandboxId === found.id);
  const [only] = inside;
  if (only !== undefined && inside.length === 1) return only;
  const names = inside.map((container) => container.metadata?.name ?? shortId(container.id)).join(", ");
  throw new Fault("invalid", `"${wanted}" is a pod with ${inside.length} containers`, {
    hint: inside.length === 0 ? "it has none yet" : `name one of ${names}`,
  });
}

/** The pod sandbox that `wanted` names, or that the container is in that it names. @throws {Fault} as findObject */
export async function findPod(runtime: Runtime, wanted: string): Promise<PodSandbox> {
  const objects = await listObjects(runtime);
  const found = findObject(objects, wanted, "pod");
  if (found.kind === "pod") return found.pod;
  const pod = objects.pods.find(({ id }) => id === found.container.podSandboxId);
  if (pod === undefined) throw new Fault("notFound", `the pod of container "${wanted}" is gone`);
  return pod;
}
