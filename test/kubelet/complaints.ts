/** A line of the kubelet's log that complains of something else than the runtime, and of what. */
export interface KnownLine {
  readonly line: RegExp;
  readonly reason: string;
}

/** What every kubelet says on such a machine, whatever its runtime; `docs/kubelet.md` lists them. */
export const knownLines: readonly KnownLine[] = [
  { line: /kubeclient not set|standalone mode|check if node is newer/, reason: "it has no API server" },
  {
    line: /"?kubelet-test\\?"? not found|Failed to get node when|not registered yet|CSINode/,
    reason: "its node is new",
  },
  {
    line: /Flexvolume plugin directory .* does not exist|Failed to read data from checkpoint/,
    reason: "its directory is new",
  },
  {
    line: /from runtime service failed.*code = Canceled/,
    reason: "it gave up itself, a pod having gone away meanwhile",
  },
  { line: /oomparser\.go/, reason: "the kernel's log, the whole machine's, ran over" },
  { line: /failed to find pid namespace of init process/, reason: "the machine hides process 1" },
  {
    line: /may not have completed yet|has yet to be successful|unable to find data in memory cache/,
    reason: "it is starting",
  },
  {
    line: /ContainerStatus from runtime service failed.*NotFound/,
    reason: "it asks of what it has just removed",
  },
  {
    line: /failed to read memory cgroup (config|limits) for the pod.*no such file/,
    reason: "it asks of what it has just removed",
  },
  {
    line: /thresholds have been met, but no pods are active to evict/,
    reason: "the disk is full on purpose",
  },
  { line: /Error syncing pod.*CrashLoopBackOff/, reason: "a container crashes on purpose" },
];

/** What is said while no daemon answers. */
export const linesWithoutRuntime: readonly KnownLine[] = [
  {
    line: /connection refused|connect: no such file|connection reset by peer|reading from server: EOF|Unavailable/,
    reason: "no daemon",
  },
  {
    line: /Container runtime (sanity check|network not ready|not ready)|PLEG is not healthy/,
    reason: "no daemon",
  },
  { line: /missing image stats/, reason: "no daemon" },
];

/** cAdvisor's, of groups that other daemons on the machine have, which are no business of this one's. */
const ofOthers =
  /Failed to (create existing container|process watch event)|watcher\.go.*Error while processing event/;

/**
 * The lines of warnings and errors that nothing in `known` explains.
 *
 * @param cgroup the kubelet's own
 */
export function complaints(log: string, known: readonly KnownLine[], cgroup: string): string[] {
  return log
    .split("\n")
    .map((line) => line.replace(/^\W+(?=[EW]\d{4} )/, ""))
    .filter((line) => /^[EW]\d{4} /.test(line) && (line.includes(cgroup) || !ofOthers.test(line)))
    .filter((line) => !known.some(({ line: pattern }) => pattern.test(line)));
}
