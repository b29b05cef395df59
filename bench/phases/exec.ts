import { cgroupCpu } from "../cpu.ts";
import { type LivePod, podDown, podUp, severalAtOnce } from "../pod-life.ts";
import { busyboxImage } from "../registry.ts";
import type { Subject } from "../subjects/subject.ts";
import { type Bench, inTurns } from "./bench.ts";

const atOnce = 4;
/** As many probes as may meet. */
const manyAtOnce = 8;

/** Commands in a running container: one after the other, and several at once. */
export async function measureExec(bench: Bench): Promise<void> {
  const { subjects, registry, cgroups, sizes, say } = bench;
  say(`exec: ${sizes.execRounds} rounds of ${sizes.execs}`);
  const pods = new Map<Subject, LivePod>();
  const silent = () => undefined;
  for (const subject of subjects) {
    const pod = await podUp(subject, "exec", `${registry}/${busyboxImage}`, cgroups, silent);
    pods.set(subject, pod);
    await runTrue(subject, pod);
  }
  await inTurns(bench, sizes.execRounds, async (subject) => {
    const pod = pods.get(subject);
    if (pod !== undefined) await turn(bench, subject, pod);
  });
  for (const [subject, pod] of pods) await podDown(subject, pod, cgroups, silent);
}

async function turn(
  { results, sizes, cgroups, signal }: Bench,
  subject: Subject,
  pod: LivePod,
): Promise<void> {
  const { execs } = sizes;
  const cpu = () => (subject.cgroup === undefined ? undefined : cgroupCpu(cgroups, subject.cgroup));
  const cpuBefore = cpu();
  for (let count = 0; count < execs; count++) {
    const began = performance.now();
    await runTrue(subject, pod);
    results.add("ExecSync", subject.name, performance.now() - began);
  }
  const cpuAfter = cpu();
  if (cpuBefore !== undefined && cpuAfter !== undefined)
    results.add("exec CPU", subject.name, (cpuAfter - cpuBefore) / execs);
  const began = performance.now();
  await severalAtOnce(2 * execs, atOnce, signal, () => runTrue(subject, pod));
  results.add("execs", subject.name, (2 * execs * 1000) / (performance.now() - began));
  await severalAtOnce(2 * execs, manyAtOnce, signal, async () => {
    const asked = performance.now();
    await runTrue(subject, pod);
    results.add("ExecSync of 8", subject.name, performance.now() - asked);
  });
}

/** A command that does nothing, in a pod's container. */
export async function runTrue(subject: Subject, { containerId }: LivePod): Promise<void> {
  const { exitCode } = await subject.pods.execSync({ containerId, cmd: ["/bin/true"], timeout: 10n });
  if (exitCode !== 0) throw new Error(`${subject.name}: true ended with ${exitCode}`);
}
