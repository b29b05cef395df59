import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { pathsOf } from "../../../config/paths.ts";
import type { Config } from "../../../config/schema.ts";
import { lockHolder } from "../../../linux/lock-holder.ts";
import { socketListeners } from "../../../linux/socket-listeners.ts";
import { connectionError } from "../ask-daemon.ts";
import { type Finding, note, ok, problem, warning } from "../finding.ts";
import { readKubelet } from "../kubelet.ts";
import { judgeMetricsAddress } from "../metrics-address.ts";
import type { NodeView } from "../node-view.ts";

/** Where other runtimes listen unless told otherwise. */
const otherSockets: Readonly<Record<string, string>> = {
  containerd: "/run/containerd/containerd.sock",
  "CRI-O": "/run/crio/crio.sock",
  "cri-dockerd": "/run/cri-dockerd.sock",
};
const writableByOthers = 0o002;

/** berth's own socket: who has it, and who may use it; other runtimes' sockets, and which one a kubelet uses. */
export async function checkSockets(node: NodeView): Promise<Finding[]> {
  const socket = node.config.grpc.socket;
  const [own, mode, metrics, others] = await Promise.all([
    ownSocket(node),
    modeOf(socket),
    node.daemon.kind === "berth" ? [] : judgeMetricsAddress(node.config), // else it is the daemon's
    otherRuntimes(socketsOf(node.config)),
  ]);
  return [...own, ...mode, ...metrics, ...others, ...kubeletsChoice(node.config)];
}

/** Where the CRI is served. */
function socketsOf({ grpc, kubelet }: Config): string[] {
  return kubelet.cadvisor === "crio" ? [grpc.socket, kubelet.crioSocket] : [grpc.socket];
}

async function ownSocket({ config, daemon, origins }: NodeView): Promise<Finding[]> {
  const { socket, lock } = pathsOf(config);
  const taken = "berth serve refuses to start: it would take the place of a server that works";
  const elsewhere = `stop that, or set grpc.socket to another path`;
  switch (daemon.kind) {
    case "berth":
      return [ok(`${socket}: berth listens`)];
    case "other": {
      const { runtimeName, runtimeVersion } = daemon.version;
      // The command was led there on purpose.
      if (origins.get("grpc.socket") === "--socket")
        return [
          note(
            `${runtimeName} ${runtimeVersion} answers at ${socket}`,
            "whether it answers is all that is looked at of another runtime",
          ),
        ];
      return [
        problem(`${socket} is in use: ${runtimeName} ${runtimeVersion} answers there`, taken, elsewhere),
      ];
    }
    case "silent": {
      if (lockHolder(lock) !== undefined) return []; // berth's own, which the daemon's check tells of
      const holders = socketListeners(socket).map(({ pid, program }) => `${program} (pid ${pid})`);
      const who = holders.length === 0 ? "another process" : holders.join(", ");
      return [problem(`${socket} is in use: ${who} listens there, and is no CRI runtime`, taken, elsewhere)];
    }
    case "notASocket":
      return [
        problem(
          `${socket} is there, and is no socket`,
          "berth serve does not replace what it did not make",
          `rm ${socket}`,
        ),
      ];
    case "stale":
      return [
        note(
          `${socket} was left by a process that is gone`,
          'kubelet and crictl get "connection refused" until a daemon runs',
          "nothing to remove: berth serve takes its place",
        ),
      ];
    case "forbidden":
      return [
        warning(
          `${socket} may not be used by this user`,
          "",
          `run as root, or join the group ${config.grpc.group}`,
        ),
      ];
    case "absent":
      return [ok(`${socket} is free`)];
  }
}

/** Whoever may connect can start privileged containers. */
async function modeOf(socket: string): Promise<Finding[]> {
  const [own, above] = await Promise.all([
    stat(socket).catch(() => undefined),
    stat(dirname(socket)).catch(() => undefined),
  ]);
  const found: Finding[] = [];
  if (own?.isSocket() && (own.mode & writableByOthers) !== 0) {
    const why = "whoever may connect can run anything as root";
    found.push(problem(`${socket} is open to every user`, why, `chmod 0660 ${socket}`));
  }
  const isSticky = above !== undefined && (above.mode & 0o1000) !== 0;
  if (above !== undefined && (above.mode & writableByOthers) !== 0 && !isSticky) {
    const why = "every user can put a socket of their own in its place";
    found.push(problem(`${dirname(socket)} is writable for every user`, why, `chmod o-w ${dirname(socket)}`));
  }
  return found;
}

async function otherRuntimes(own: readonly string[]): Promise<Finding[]> {
  const found = await Promise.all(
    Object.entries(otherSockets).map(async ([name, socket]) =>
      !own.includes(socket) && (await connectionError(socket)) === undefined
        ? note(
            `${name} answers at ${socket}, too`,
            "a kubelet or crictl that is pointed there does not use berth",
          )
        : undefined,
    ),
  );
  return found.filter((finding) => finding !== undefined);
}

function kubeletsChoice(config: Config): Finding[] {
  const { runtimeEndpoint, file = "its command line" } = readKubelet();
  if (runtimeEndpoint === undefined) return [];
  const { crioSocket, cadvisor } = config.kubelet;
  const wanted = cadvisor === "crio" ? crioSocket : config.grpc.socket;
  const set = `set containerRuntimeEndpoint: unix://${wanted}`;
  // Most systems have both paths of /run.
  const chosen = runtimeEndpoint.replace(/^\/var\/run\//, "/run/");
  if (chosen === wanted) return [ok(`the kubelet is pointed at ${wanted}`)];
  if (chosen === config.grpc.socket)
    return [
      note(
        `the kubelet is pointed at ${chosen}, not at the socket that kubelet.cadvisor = "crio" brings`,
        "with the cgroupfs driver its /stats/summary has no figures of pods' networks then",
        `${set}, restart the kubelet`,
      ),
    ];
  return [
    warning(
      `the kubelet is pointed at ${runtimeEndpoint}, not at berth`,
      `by ${file}`,
      `${set}, drain the node and restart the kubelet`,
    ),
  ];
}
