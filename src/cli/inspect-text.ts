import type { ContainerStatusResponse, PodSandboxStatusResponse } from "../wire/gen/runtime.v1.ts";
import { limitRows } from "./limits-text.ts";
import { facts, mapFacts } from "./output/facts.ts";
import { timestamp } from "./output/units.ts";
import { podStateName } from "./pods.ts";
import { containerStateName } from "./ps.ts";
import { type TimelineStep, timelineTable } from "./timeline.ts";

/** A container for people: what matters of its status, then where the time of its start went. */
export function containerText(
  { status }: ContainerStatusResponse,
  pod: PodSandboxStatusResponse,
  info: Record<string, unknown>,
  timeline: readonly TimelineStep[],
): string {
  if (status === undefined) return "";
  const ended = status.finishedAt === 0n ? "" : `${status.exitCode} (${status.reason}) ${status.message}`;
  const { metadata } = pod.status ?? {};
  const image = status.image?.userSpecifiedImage || status.image?.image || "";
  return withTimeline(
    facts([
      ["container", status.id],
      ["name", status.metadata?.name ?? ""],
      ["attempt", String(status.metadata?.attempt ?? 0)],
      ["pod", pod.status?.id ?? ""],
      ["pod name", metadata === undefined ? "" : `${metadata.namespace}/${metadata.name}`],
      ["address", pod.status?.network?.ip ?? ""],
      ["image", image === status.imageRef ? image : `${image} ${status.imageRef}`],
      ["state", containerStateName(status.state)],
      ["created", timestamp(status.createdAt)],
      ["started", timestamp(status.startedAt)],
      ["finished", timestamp(status.finishedAt)],
      ["exit code", ended],
      ["log", status.logPath],
      ["AppArmor", confinement(info)],
      ...adjustments(info),
      ...limitRows(status.resources?.linux, askedResources(info)),
      ...status.mounts.map(
        ({ hostPath, containerPath, readonly }) =>
          ["mount", `${hostPath} on ${containerPath}${readonly ? " (read-only)" : ""}`] as const,
      ),
      ...mapFacts("label", status.labels),
      ...mapFacts("annotation", status.annotations),
    ]),
    timeline,
  );
}

/** What a container was limited to by request, in the info value of that name. */
function askedResources({ info }: Record<string, unknown>): unknown {
  return typeof info === "object" && info !== null && "resources" in info ? info.resources : undefined;
}

/** What AppArmor confines it by while it runs, in the info value of that name. */
function confinement({ info }: Record<string, unknown>): string {
  const label = typeof info === "object" && info !== null && "apparmor" in info ? info.apparmor : undefined;
  return typeof label === "string" ? label : "";
}

/** What NRI plugins made of it, in the info value of that name. */
function adjustments({ info }: Record<string, unknown>): [string, string][] {
  const nri = typeof info === "object" && info !== null && "nri" in info ? info.nri : undefined;
  return Object.entries(nri ?? {}).map(([what, plugin]) => {
    const by = String(plugin);
    return ["adjusted", by.startsWith("-") ? `${what}, removed by ${by.slice(1)}` : `${what}, by ${by}`];
  });
}

/** Annotations that change nothing, in the info value of that name. */
function passedOver({ info }: Record<string, unknown>): [string, string][] {
  const told = typeof info === "object" && info !== null && "passedOver" in info ? info.passedOver : [];
  return Array.isArray(told)
    ? told.map(({ annotation, why }) => ["passed over", `${annotation}: ${why}`])
    : [];
}

/** A pod for people. */
export function podText(
  { status }: PodSandboxStatusResponse,
  info: Record<string, unknown>,
  timeline: readonly TimelineStep[],
): string {
  if (status === undefined) return "";
  const more = status.network?.additionalIps.map(({ ip }) => ip) ?? [];
  return withTimeline(
    facts([
      ["pod", status.id],
      ["name", `${status.metadata?.namespace}/${status.metadata?.name}`],
      ["uid", status.metadata?.uid ?? ""],
      ["attempt", String(status.metadata?.attempt ?? 0)],
      ["state", podStateName(status.state)],
      ["created", timestamp(status.createdAt)],
      ["addresses", [status.network?.ip ?? "", ...more].filter((ip) => ip !== "").join(", ")],
      ["runtime", status.runtimeHandler],
      ...mapFacts("label", status.labels),
      ...mapFacts("annotation", status.annotations),
      ...passedOver(info),
    ]),
    timeline,
  );
}

function withTimeline(text: string, timeline: readonly TimelineStep[]): string {
  return timeline.length === 0 ? text : `${text}\n${timelineTable(timeline)}`;
}

/** The times that berth tells of a start, in the info value of that name; other runtimes don't have them. */
export function timelineOf(of: TimelineStep["of"], { info }: Record<string, unknown>): TimelineStep[] {
  const timeline =
    typeof info === "object" && info !== null && "timeline" in info ? info.timeline : undefined;
  if (!Array.isArray(timeline)) return [];
  return timeline
    .filter((at) => typeof at?.step === "string" && typeof at?.ms === "number")
    .map(({ step, ms, outside }) => ({ of, step, ms, ...(typeof outside === "number" ? { outside } : {}) }));
}
