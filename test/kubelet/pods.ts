import { busyboxImage } from "../harness/images.ts";

/** What the node is called; a static pod's name ends in it. */
export const nodeName = "kubelet-test";

/** A pod as a manifest names it; as much of its shape as is used here. */
export interface Pod {
  readonly apiVersion: "v1";
  readonly kind: "Pod";
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels?: object };
  readonly spec: object;
}

/** For a first process, which no signal ends that it does not wait for. */
const waiting = "trap 'exit 0' TERM; while :; do sleep 1; done";

const shell = (script: string) => ["/bin/sh", "-c", script];

function container(name: string, script: string, more: object = {}): object {
  return { name, image: busyboxImage, imagePullPolicy: "IfNotPresent", command: shell(script), ...more };
}

export function pod(name: string, spec: object): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", labels: { app: name } },
    spec: { terminationGracePeriodSeconds: 10, ...spec },
  };
}

/** A container that waits, with something done before. */
export function waitingContainer(name: string, before: string, more: object = {}): object {
  return container(name, `${before}${before === "" ? "" : "; "}${waiting}`, more);
}

/** An init container, a sidecar, all three kinds of probes, volumes, hooks, a port of the node's. */
export function wholePod(hostDirectory: string, hostPort: number): Pod {
  const work = { name: "work", mountPath: "/work" };
  return pod("whole", {
    initContainers: [
      container("first", "test ! -e /work/sidecar && echo first >/work/first", { volumeMounts: [work] }),
      waitingContainer("sidecar", "test -e /work/first && echo up >/work/sidecar", {
        restartPolicy: "Always",
        startupProbe: {
          exec: { command: ["test", "-e", "/work/sidecar"] },
          periodSeconds: 1,
          timeoutSeconds: 10,
        },
        volumeMounts: [work],
      }),
    ],
    containers: [
      container("web", "test -e /work/sidecar && exec httpd -f -p 8080 -h /www", {
        ports: [{ containerPort: 8080, hostPort }],
        livenessProbe: { httpGet: { path: "/index.html", port: 8080 }, periodSeconds: 2, timeoutSeconds: 10 },
        readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 2, timeoutSeconds: 10 },
        resources: { requests: { cpu: "10m", memory: "16Mi" }, limits: { cpu: "200m", memory: "64Mi" } },
        volumeMounts: [
          work,
          { name: "work", mountPath: "/part", subPath: "below" },
          { name: "ram", mountPath: "/ram" },
          { name: "node", mountPath: "/node" },
        ],
        lifecycle: {
          postStart: { exec: { command: shell("echo started >/work/post-start; echo sub >/part/file") } },
          preStop: { exec: { command: shell("echo stopped >/node/pre-stop") } },
        },
      }),
      waitingContainer("worker", "touch /tmp/alive; head -c 2000000 /dev/zero >/written", {
        livenessProbe: {
          exec: { command: ["test", "-e", "/tmp/alive"] },
          periodSeconds: 2,
          timeoutSeconds: 10,
        },
      }),
    ],
    volumes: [
      { name: "work", emptyDir: {} },
      { name: "ram", emptyDir: { medium: "Memory", sizeLimit: "8Mi" } },
      { name: "node", hostPath: { path: hostDirectory, type: "Directory" } },
    ],
  });
}

/** Ends with 3 a moment after each start, and says why. */
export function crashingPod(): Pod {
  return pod("crashing", {
    containers: [container("main", "echo because >/dev/termination-log; sleep 1; exit 3")],
  });
}

export function hostNetworkPod(): Pod {
  return pod("host-network", { hostNetwork: true, containers: [waitingContainer("main", "")] });
}

/** Two containers that see each other's processes. */
export function sharedProcessesPod(): Pod {
  return pod("shared-processes", {
    shareProcessNamespace: true,
    containers: [
      waitingContainer("main", ""),
      container("looking", "exec sleep 12345", {
        livenessProbe: { exec: { command: ["true"] }, timeoutSeconds: 10 },
      }),
    ],
  });
}

/** Writes numbered lines faster than one file of its log may hold. */
export function talkingPod(): Pod {
  const counting =
    "i=0; while :; do i=$((i+1)); echo line $i; if [ $((i % 50)) = 0 ]; then sleep 0.2; fi; done";
  return pod("talking", { containers: [container("main", counting)] });
}

/** Fails its liveness probe until it is made anew, and stops for each of its two reasons in its own way. */
export function sickPod(hostDirectory: string): Pod {
  return pod("sick", {
    containers: [
      waitingContainer("main", "test -e /node/healed || touch /tmp/sick; touch /node/healed", {
        livenessProbe: {
          exec: { command: shell("test ! -e /tmp/sick") },
          periodSeconds: 1,
          timeoutSeconds: 10,
          failureThreshold: 2,
        },
        volumeMounts: [{ name: "node", mountPath: "/node" }],
      }),
    ],
    volumes: [{ name: "node", hostPath: { path: hostDirectory } }],
  });
}

/** Files of a config map, a secret and of the pod itself, as volumes, in one volume, and one of them alone. */
export function filesPod(): Pod {
  const items = [{ path: "labels", fieldRef: { apiVersion: "v1", fieldPath: "metadata.labels" } }];
  const sources = [
    { configMap: { name: "words" } },
    { secret: { name: "whisper" } },
    { downwardAPI: { items } },
  ];
  return defaulted(
    pod("files", {
      containers: [
        waitingContainer("main", "", {
          env: [{ name: "WORD", valueFrom: { configMapKeyRef: { name: "words", key: "word" } } }],
          volumeMounts: [
            { name: "all", mountPath: "/all", readOnly: true },
            { name: "words", mountPath: "/words" },
            { name: "words", mountPath: "/etc/one-word", subPath: "word" },
            { name: "whisper", mountPath: "/whisper" },
          ],
        }),
      ],
      volumes: [
        { name: "all", projected: { defaultMode: 0o444, sources } },
        { name: "words", configMap: { name: "words", defaultMode: 0o644 } },
        { name: "whisper", secret: { secretName: "whisper", defaultMode: 0o400 } },
      ],
    }),
  );
}

/** Writes that many megabytes into its writable layer. */
export function fillingPod(name: string, megabytes: number, limits: object = {}): Pod {
  const writing = `dd if=/dev/zero of=/filling bs=1M count=${megabytes}`;
  // With a request, it is let in under a pressure of memory.
  const resources = { requests: { cpu: "1m" }, limits };
  // A pod whose containers all end with 0 has succeeded for the kubelet, evicted or not.
  const ending = "trap 'exit 143' TERM; while :; do sleep 1; done";
  return defaulted(pod(name, { containers: [container("main", `${writing}; ${ending}`, { resources })] }));
}

/** Holds that many megabytes in memory. */
export function hungryPod(megabytes: number): Pod {
  const bytes = megabytes << 20;
  const holding = `(head -c ${bytes} /dev/zero; sleep 1000) | tail -c ${bytes} >/dev/null`;
  return defaulted(pod("hungry", { containers: [container("main", holding)] }));
}

export function calmPod(): Pod {
  return defaulted(pod("calm", { containers: [waitingContainer("main", "")] }));
}

/** With what an API server fills in, on the node of the test. */
function defaulted({ spec, ...pod }: Pod): Pod {
  const of = spec as { readonly containers: readonly object[] };
  const messages = { terminationMessagePath: "/dev/termination-log", terminationMessagePolicy: "File" };
  return {
    ...pod,
    spec: {
      nodeName,
      restartPolicy: "Always",
      dnsPolicy: "Default",
      securityContext: {},
      enableServiceLinks: false,
      automountServiceAccountToken: false,
      ...spec,
      containers: of.containers.map((one) => ({ ...messages, ...one })),
    },
  };
}
