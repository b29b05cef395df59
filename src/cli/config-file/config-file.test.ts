import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { describeFault, type FaultKind, faultKind } from "../../base/fault.ts";
import { ContainerConfig, PodSandboxConfig } from "../../wire/gen/runtime.v1.ts";
import { isConfigFile, readContainerConfig, readPodSandboxConfig } from "./read.ts";

const directory = mkdtempSync("/tmp/berth-config-file-");
after(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

test("a pod's file in YAML, with the field names of the CRI; a uid is made where there is none", async () => {
  const path = file(
    "pod.yaml",
    `metadata: {name: web, namespace: default, attempt: 1}
log_directory: /tmp/logs
dns_config: {servers: [10.0.0.1]}
port_mappings: [{container_port: 80, protocol: UDP}, {containerPort: 53, protocol: 1}]
labels: {app_name: web}
linux:
  cgroup_parent: null
  security_context:
    namespace_options: {network: 2, pid: CONTAINER}
    run_as_user: {value: 1000}
    run_as_group: 7
    supplemental_groups: [1, "9007199254740993"]
  sysctls: {net.ipv4.ip_forward: "1"}
`,
  );
  const { metadata, ...rest } = await readPodSandboxConfig(path);
  assert.match(metadata?.uid ?? "", /^[0-9a-f-]{36}$/);
  assert.deepEqual([metadata?.name, metadata?.attempt], ["web", 1]);
  const expected = PodSandboxConfig.create({
    logDirectory: "/tmp/logs",
    dnsConfig: { servers: ["10.0.0.1"] },
    portMappings: [
      { containerPort: 80, protocol: 1 },
      { containerPort: 53, protocol: 1 },
    ],
    labels: { app_name: "web" },
    linux: {
      securityContext: {
        namespaceOptions: { network: 2, pid: 1 },
        runAsUser: { value: 1000n },
        runAsGroup: { value: 7n },
        supplementalGroups: [1n, 9007199254740993n],
      },
      sysctls: { "net.ipv4.ip_forward": "1" },
    },
  });
  assert.deepEqual({ ...rest, metadata: undefined }, expected);
});

test("a container's file in JSON; the values of variables are plain text", async () => {
  const config = {
    metadata: { name: "c" },
    image: { image: "busybox" },
    command: ["top"],
    envs: [{ key: "A", value: "b" }],
    CDI_devices: [{ name: "vendor/x=1" }],
    mounts: [{ host_path: "/a", container_path: "/b", propagation: "PROPAGATION_BIDIRECTIONAL" }],
    linux: { resources: { memory_limit_in_bytes: 1048576 } },
    windows: { anything: true },
  };
  assert.deepEqual(
    await readContainerConfig(file("container.json", JSON.stringify(config))),
    ContainerConfig.create({
      metadata: { name: "c" },
      image: { image: "busybox" },
      command: ["top"],
      envs: [{ key: "A", value: Buffer.from("b") }],
      CDIDevices: [{ name: "vendor/x=1" }],
      mounts: [{ hostPath: "/a", containerPath: "/b", propagation: 2 }],
      linux: { resources: { memoryLimitInBytes: 1048576n } },
    }),
  );
});

test("what is wrong is told with its place, and what was probably meant", async () => {
  const pod = { metadata: { name: "p", namespace: "n" } };
  const cases: [object | string, FaultKind, RegExp][] = [
    ["{", "invalid", /wrong\.json can't be read as JSON: /],
    [[], "invalid", /wrong\.json: the file: \[\] is not an object/],
    [{}, "invalid", /metadata needs a name and a namespace/],
    [{ ...pod, log_dir: "/x" }, "invalid", /there is no field "log_dir" \(did you mean log_directory\?\)/],
    [{ ...pod, labels: { a: 1 } }, "invalid", /labels\.a: 1 is not a text/],
    [
      { ...pod, port_mappings: [{ protocol: "ICMP" }] },
      "invalid",
      /port_mappings\[0\]\.protocol: "ICMP" is not one of TCP, UDP/,
    ],
    [
      { ...pod, linux: { security_context: { privileged: "yes" } } },
      "invalid",
      /linux\.security_context\.privileged/,
    ],
  ];
  for (const [content, kind, said] of cases) {
    const path = file("wrong.json", typeof content === "string" ? content : JSON.stringify(content));
    const error = await readPodSandboxConfig(path).catch((thrown: unknown) => thrown);
    assert.equal(faultKind(error), kind);
    assert.match(describeFault(error), said);
  }
  const missing = await readContainerConfig("/no/such.yaml").catch((thrown: unknown) => thrown);
  assert.match(describeFault(missing), /^reading \/no\/such\.yaml: ENOENT/);
  const noImage = await readContainerConfig(file("c.yml", "metadata: {name: c}")).catch((thrown) => thrown);
  assert.match(describeFault(noImage), /image needs the name or id/);
});

test("what is a configuration file, and what an image", () => {
  assert.deepEqual(["pod.json", "a/c.YML", "busybox", "r.example/a:1.json5", undefined].map(isConfigFile), [
    true,
    true,
    false,
    false,
    false,
  ]);
});
