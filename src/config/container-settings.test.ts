import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadConfig } from "./load.ts";

function load(t: TestContext, text: string) {
  const directory = mkdtempSync(join(tmpdir(), "berth-config-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "config.toml");
  writeFileSync(file, text);
  return loadConfig({ config: file }, {}).config;
}

test("what the node gives its containers is read in each of its forms", (t) => {
  const { container, hooks, runtime, rdt } = load(
    t,
    `
[container]
env = ["A=b=c", "EMPTY="]
mounts = ["/a:/b", "/a:/c:ro,nosuid"]
devices = ["/dev/a", "/dev/a:rw", "/dev/a:/dev/b", "/dev/a:/dev/b:r"]
timezone = "America/Argentina/Buenos_Aires"
sysctls = { "net.ipv4.ping_group_range" = "0 1", "kernel.shm_rmid_forced" = "1" }
[runtime]
monitorCpus = "0-1,3"
[runtime.handlers.crun]
hooks = [{ path = "/x", args = ["x"], env = ["A=b"], timeout = "1500ms", stages = ["prestart", "poststop"] }]
allowedAnnotations = ["io.kubernetes.cri-o.Devices"]
[hooks]
always = [{ path = "/y", stages = ["createRuntime"] }]
[rdt.classes.gold]
l3 = "L3:0=f;1=f"
[rdt.classes.made]
`,
  );
  assert.deepEqual(container.devices.length, 4);
  assert.deepEqual(runtime.handlers.crun?.hooks, [
    { path: "/x", args: ["x"], env: ["A=b"], timeout: 2, stages: ["prestart", "poststop"] },
  ]);
  assert.deepEqual(hooks.always, [{ path: "/y", stages: ["createRuntime"] }]);
  assert.deepEqual(rdt.classes, {
    gold: { l3: "L3:0=f;1=f", memoryBandwidth: "" },
    made: { l3: "", memoryBandwidth: "" },
  });
});

test("what can't be meant is refused, with the setting and what it takes", (t) => {
  const refused: [string, RegExp][] = [
    ['[container]\nenv = ["A"]', /container\.env must be .*"NAME=value"/],
    ['[container]\nmounts = ["/a"]', /container\.mounts must be .*"\/srv\/data:\/data"/],
    ['[container]\nmounts = ["/a:/"]', /container\.mounts must be/],
    ['[container]\nmounts = ["/a:/b:ro:x"]', /container\.mounts must be/],
    ['[container]\ndevices = ["/dev/a:rx"]', /container\.devices must be .*"\/dev\/fuse"/],
    ['[container]\ndevices = ["/dev/a:rw:/dev/b"]', /container\.devices must be/],
    ['[container]\nallowedDevices = ["fuse"]', /container\.allowedDevices must be .*an absolute path/],
    ['[container]\ntimezone = "../etc/passwd"', /container\.timezone must be a time zone/],
    [
      '[container]\nsysctls = { "vm.swappiness" = "1" }',
      /sysctls has "vm\.swappiness", which is no setting of a namespace/,
    ],
    ['[runtime]\nmonitorCpus = "a"', /runtime\.monitorCpus must be a list of processors/],
    ['[runtime.handlers.crun]\nbaseSpec = "x.json"', /crun\.baseSpec must be an absolute path: x\.json/],
    [
      '[runtime.handlers.crun]\nallowedAnnotations = ["x"]',
      /allowedAnnotations must be .*one of "devices\.crio\.io"/,
    ],
    ['[runtime.handlers.crun]\npodAnnotations = ["["]', /podAnnotations must be .*a pattern of names/],
    ['[hooks]\nalways = [{ path = "/x", stages = [] }]', /hooks\.always must be .*a hook/],
    ['[hooks]\nalways = [{ path = "x", stages = ["prestart"] }]', /hooks\.always must be/],
    ['[hooks]\nalways = [{ path = "/x", stages = ["prestop"] }]', /hooks\.always must be/],
    ['[hooks]\nalways = [{ path = "/x", stage = ["prestart"] }]', /hooks\.always must be/],
    ['[blockio]\nfile = "x.yaml"', /blockio\.file must be an absolute path: x\.yaml/],
    ['[rdt.classes.a]\nl3 = "0=f"', /rdt\.classes\.a\.l3 must be a line of schemata/],
    ['[rdt.classes.a]\nmemoryBandwidth = "L3:0=f"', /rdt\.classes\.a\.memoryBandwidth must be a line/],
  ];
  for (const [text, message] of refused) assert.throws(() => load(t, text), message, text);
});
