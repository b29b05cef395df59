import { echoWithin } from "../../test/harness/pod-listener.ts";
import { cgroupCpu, processIn } from "../cpu.ts";
import { peakMemory } from "../figures.ts";
import { type LivePod, podDown, podUp } from "../pod-life.ts";
import { busyboxImage } from "../registry.ts";
import { type Joined, joinCommand, joinPort } from "../stream-client.ts";
import type { Subject } from "../subjects/subject.ts";
import { floorSubject } from "../table.ts";
import { type Bench, inTurns } from "./bench.ts";

const ports = { much: 9000, many: 9001 } as const;
const line = 6;
/** One connection after the other is given back what it sends. */
const server = `(while :; do busybox nc -l -p ${ports.much} -e /bin/cat; done) </dev/null >/dev/null 2>&1 &`;

/** Much data through one stream of each kind, and many streams at once. */
export async function measureStreams(bench: Bench): Promise<void> {
  const { subjects, registry, cgroups, sizes, results, say } = bench;
  say(`streams: ${sizes.streamRounds} rounds`);
  results.add("stream bytes", floorSubject, sizes.streamBytes / 2 ** 20);
  results.add("streams", floorSubject, sizes.streams);
  const pods = new Map<Subject, LivePod>();
  const silent = () => undefined;
  for (const subject of subjects) {
    const pod = await podUp(subject, "streams", `${registry}/${busyboxImage}`, cgroups, silent);
    pods.set(subject, pod);
    const { containerId } = pod;
    const cmd = ["/bin/sh", "-c", server];
    const { exitCode, stderr } = await subject.pods.execSync({ containerId, cmd, timeout: 10n });
    if (exitCode !== 0) throw new Error(`${subject.name}: ${stderr}`);
  }
  await inTurns(bench, sizes.streamRounds, async (subject) => {
    const pod = pods.get(subject);
    if (pod !== undefined) await turn(bench, subject, pod);
  });
  for (const [subject, pod] of pods) await podDown(subject, pod, cgroups, silent);
}

async function turn(bench: Bench, subject: Subject, pod: LivePod): Promise<void> {
  const { sizes } = bench;
  const cat = () => joinCommand(subject, pod, ["/bin/cat"]);
  await noteMuch(bench, subject, "exec", async () => (await cat()).echo(sizes.streamBytes));
  const echo = () => joinPort(subject, pod, ports.much);
  await noteMuch(bench, subject, "port", async () => (await echo()).echo(sizes.streamBytes));
  await noteMany(bench, subject, "exec", cat);
  using _listener = await echoWithin(processIn(bench.cgroups, pod.cgroup), ports.many);
  await noteMany(bench, subject, "port", () => joinPort(subject, pod, ports.many));
}

async function noteMuch(
  { results, sizes, cgroups }: Bench,
  subject: Subject,
  kind: string,
  pass: () => Promise<void>,
): Promise<void> {
  const cpu = () => (subject.cgroup === undefined ? undefined : cgroupCpu(cgroups, subject.cgroup));
  const memory = subject.pid === undefined ? undefined : peakMemory(subject.pid);
  const before = cpu();
  const began = performance.now();
  await pass();
  const seconds = (performance.now() - began) / 1000;
  const after = cpu();
  results.add(`${kind} stream`, subject.name, sizes.streamBytes / 2 ** 20 / seconds);
  if (before !== undefined && after !== undefined)
    results.add(`${kind} stream CPU`, subject.name, (after - before) / 1000);
  if (memory !== undefined) results.add(`${kind} stream memory`, subject.name, memory.grown());
}

/** All are open before the first one is used. A peer that can't do that has no figure, and it is said why. */
async function noteMany(
  { results, sizes, say }: Bench,
  subject: Subject,
  kind: string,
  open: () => Promise<Joined>,
): Promise<void> {
  const began = performance.now();
  try {
    const all = await Promise.all(Array.from({ length: sizes.streams }, open));
    await Promise.all(all.map((joined) => joined.echo(line)));
  } catch (error) {
    if (subject.isBerth) throw error;
    say(`${subject.name}: not ${sizes.streams} streams at once (${kind}): ${error}`);
    return;
  }
  results.add(`${kind}s together`, subject.name, performance.now() - began);
}
