import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { describeFault, isFault } from "../../base/fault.ts";
import { exampleConfig, exampleMount } from "./testing/example.ts";
import { noOciRun } from "./testing/oci-run.ts";
import { type PodRun, startPodRun } from "./testing/pod-run.ts";

/** A minimal node has none: UTC. */
const hasZone = existsSync("/etc/localtime");

const base = {
  ociVersion: "1.0.2",
  process: {
    env: ["OF_BASE=base", "OF_BOTH=base"],
    user: { uid: 77, umask: 0o27 },
    args: ["never"],
    rlimits: [{ type: "RLIMIT_NOFILE", soft: 77, hard: 78 }],
    capabilities: { bounding: ["CAP_CHOWN"], effective: [] },
    noNewPrivileges: true,
  },
  mounts: [
    { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "hidepid=2"] },
    { destination: "/scratch", type: "tmpfs", source: "scratch", options: ["size=64k"] },
    { destination: "/etc/hosts", type: "tmpfs", source: "never" },
  ],
  linux: {
    sysctl: { "net.ipv4.ip_default_ttl": "42" },
    devices: [{ path: "/dev/mine", type: "c", major: 1, minor: 3, fileMode: 0o666 }],
    resources: { devices: [{ allow: false, access: "rwm" }], pids: { limit: 7 } },
    namespaces: [],
  },
};

for (const runtime of ["runc", "crun"]) {
  describe(`containers run by ${runtime}: what the node's settings give them all`, {
    skip: noOciRun(runtime) ?? false,
  }, () => {
    let host: PodRun;

    before(async () => {
      host = await startPodRun(runtime, (at) => ({
        container: {
          env: ["OF_NODE=node", "OF_BOTH=node", "OF_POD=node"],
          mounts: [`${at("file")}:/opt/file:ro`],
          timezone: hasZone ? "Local" : "",
          devices: ["/dev/zero:/dev/node-zero:r"],
          allowedDevices: ["/dev/full"],
          inheritableCapabilities: true,
          pidsLimit: 0,
        },
        handler: {
          baseSpec: at("base.json"),
          allowedAnnotations: ["io.kubernetes.cri-o.Devices", "umask.crio.io"],
        },
      }));
      writeFileSync(host.at("file"), "of the node\n");
    });
    after(() => host[Symbol.asyncDispose]());
    const writeBase = (document: unknown) => writeFileSync(host.at("base.json"), JSON.stringify(document));
    const inPod = (annotations: Record<string, string>) => ({
      ...host.pod,
      config: { ...host.pod.config, annotations },
    });

    it("gives them variables, mounts, the time zone and devices, which the pod's own replace", async () => {
      writeBase({});
      const script =
        "echo $OF_NODE $OF_POD; cat /opt/file; touch /opt/file 2>&1 | grep -o Read-only; head -c 2 /dev/node-zero | wc -c; grep -c ' /etc/localtime ' /proc/mounts; true";
      const envs = [{ key: "OF_POD", value: "pod" }];
      await host.says(script, `node pod\nof the node\nRead-only\n2\n${hasZone ? 1 : 0}`, {
        ...exampleConfig,
        envs,
      });
      const mounts = [{ ...exampleMount, containerPath: "/opt/file", hostPath: "/proc/version" }];
      await host.says("cut -d' ' -f1 /opt/file", "Linux", { ...exampleConfig, mounts });
      await host
        .says("grep CapInh: /proc/self/status | grep -c 0000000000000000", "0", exampleConfig)
        .catch(({ actual }) => assert.deepEqual(actual, { code: 1, output: "0" }));
    });

    it("begins with the handler's base, and leaves what the pod and berth say", async () => {
      writeBase(base);
      const script = [
        "echo $OF_BASE $OF_BOTH",
        "umask; ulimit -n; id -u",
        "grep -E 'CapBnd|NoNewPrivs' /proc/self/status | tr -d '\\t'",
        "grep -c '^proc /proc proc .*hidepid' /proc/mounts; grep -o '^scratch /scratch tmpfs' /proc/mounts",
        "grep -c '/etc/hosts tmpfs' /proc/mounts",
        "cat /proc/sys/net/ipv4/ip_default_ttl; test -c /dev/mine && echo device",
      ].join("; ");
      const { output } = await host.sh(script);
      assert.equal(
        output.trim(),
        [
          ...["base node", "0027", "77", "0", "CapBnd:0000000000000001", "NoNewPrivs:1", "1"],
          ...["scratch /scratch tmpfs", "0", "42", "device"],
        ].join("\n"),
      );
      const built = await host.build({ ...exampleConfig, command: ["sh"] });
      assert.deepEqual(built.linux.resources?.pids, { limit: 7 });
      assert.deepEqual(
        built.linux.resources?.devices?.filter(({ allow }) => !allow),
        [{ allow: false, access: "rwm" }],
      );
    });

    it("names the file and the field of a base that can't be used", async () => {
      writeBase({ process: { rlimits: [{ type: "RLIMIT_NOFILE" }] } });
      await assert.rejects(host.build({ ...exampleConfig, command: ["sh"] }), (error) => {
        assert.ok(isFault(error, "wrongState"));
        assert.match(describeFault(error), /base\.json can't be used.*process\.rlimits\.0\.soft: is missing/);
        return true;
      });
      writeBase({});
    });

    it("does what an allowed annotation of the pod asks for, and nothing else", async () => {
      const pod = inPod({
        "io.kubernetes.cri-o.Devices": "/dev/full:/dev/my-full:r",
        "umask.crio.io": "0077",
      });
      await host.says("umask; test -c /dev/my-full && echo device", "0077\ndevice", exampleConfig, pod);
      const other = inPod({ "io.kubernetes.cri-o.UnifiedCgroup.web": "memory.high=1000000" });
      assert.equal(
        (await host.build({ ...exampleConfig, command: ["sh"] }, other)).linux.resources?.unified,
        undefined,
      );
      await assert.rejects(
        host.build({ ...exampleConfig, command: ["sh"] }, inPod({ "devices.crio.io": "/dev/kmsg" })),
        (error) =>
          isFault(error, "invalid") &&
          /annotation devices\.crio\.io: \/dev\/kmsg is not allowed/.test(error.message),
      );
      await assert.rejects(
        host.build({ ...exampleConfig, command: ["sh"] }, inPod({ "umask.crio.io": "9" })),
        (error) => isFault(error, "invalid") && /umask/.test(error.message),
      );
    });
  });
}
