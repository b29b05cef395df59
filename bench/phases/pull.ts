import { execFileSync } from "node:child_process";
import { ImageSpec } from "../../src/wire/gen/runtime.v1.ts";
import { cgroupCpu } from "../cpu.ts";
import { bigImage, packedSize } from "../registry.ts";
import type { Subject } from "../subjects/subject.ts";
import { floorSubject } from "../table.ts";
import { type Bench, inTurns } from "./bench.ts";

/** Pulls of the big image, each after it and its content were removed. */
export async function measurePull(bench: Bench): Promise<void> {
  bench.results.add("image packed", floorSubject, await packedSize(bench.registry));
  const { sizes, say } = bench;
  // With one default handler or another, it is the same code that pulls.
  const firstBerth = bench.subjects.find(({ isBerth }) => isBerth);
  const subjects = bench.subjects.filter((subject) => !subject.isBerth || subject === firstBerth);
  await inTurns({ ...bench, subjects }, sizes.pulls, async (subject, round) => {
    say(`pull: round ${round + 1} of ${sizes.pulls}, ${subject.name}`);
    await pullOnce(bench, subject);
  });
}

async function pullOnce({ results, registry, cgroups }: Bench, subject: Subject): Promise<void> {
  const { name, images, cgroup, imageDirectory } = subject;
  const image = ImageSpec.create({ image: `${registry}/${bigImage}` });
  // What earlier pulls and removals left to be written isn't this one's.
  execFileSync("sync");
  const diskBefore = diskUse(imageDirectory);
  const cpuBefore = cgroup === undefined ? undefined : cgroupCpu(cgroups, cgroup);
  const began = performance.now();
  await images.pullImage({ image });
  results.add("pull", name, (performance.now() - began) / 1000);
  if (cgroup !== undefined && cpuBefore !== undefined)
    results.add("pull CPU", name, (cgroupCpu(cgroups, cgroup) - cpuBefore) / 1000);
  const diskAfter = diskUse(imageDirectory);
  if (diskBefore !== undefined && diskAfter !== undefined)
    results.add("pull disk", name, diskAfter - diskBefore);
  await images.removeImage({ image });
}

/** In MB. */
function diskUse(directory: string | undefined): number | undefined {
  if (directory === undefined) return undefined;
  const text = execFileSync("du", ["--summarize", "--one-file-system", "--block-size=1", directory]);
  return Number.parseInt(text.toString(), 10) / 1e6;
}
