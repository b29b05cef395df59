import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { findRdt } from "./rdt/rdt-lookup.ts";
import { wantedClass } from "./resource-class.ts";
import { exampleConfig, examplePod } from "./testing/example.ts";
import { noOciRun } from "./testing/oci-run.ts";
import { type PodRun, startPodRun } from "./testing/pod-run.ts";

const disk = readdirSync("/sys/block").find((name) => existsSync(`/dev/${name}`));
const classed = (name: string) => ({
  ...exampleConfig,
  annotations: { "io.kubernetes.cri.blockio-class": name },
});

for (const runtime of ["runc", "crun"]) {
  describe(`containers run by ${runtime}: their class of block I/O`, {
    skip: noOciRun(runtime) ?? (disk === undefined ? "NOT RUN: there is no block device" : false),
  }, () => {
    let host: PodRun;

    before(async () => {
      host = await startPodRun(runtime, (at) => ({ blockio: { file: at("classes.yaml") } }));
    });
    after(() => host[Symbol.asyncDispose]());

    it("is in the files of its cgroup, the later parameters for a device being stronger", async () => {
      writeFileSync(
        host.at("classes.yaml"),
        `Classes:
  slow:
    - Devices: ["/dev/${disk?.slice(0, 2)}*"]
      ThrottleReadBps: 1Mi
      ThrottleWriteBps: 3M
    - Devices: [/dev/${disk}]
      ThrottleReadBps: 2Mi
      ThrottleReadIOPS: 1k
`,
      );
      const number = readFileSync(`/sys/block/${disk}/dev`, "utf8").trim();
      const { output } = await host.sh(
        "cd /sys/fs/cgroup; cat io.max 2>/dev/null || for f in read_bps write_bps read_iops write_iops; do echo $f $(cat blkio/blkio.throttle.$f'_device'); done",
        classed("slow"),
      );
      const limits =
        host.facts.cgroupVersion === 2
          ? [`${number} rbps=2097152 wbps=3000000 riops=1000 wiops=max`]
          : [`read_bps ${number} 2097152`, `write_bps ${number} 3000000`, `read_iops ${number} 1000`];
      for (const limit of limits) assert.ok(output.includes(limit), `${limit} is not in ${output}`);
    });

    it("fails the container when there is no such class, or its file is wrong", async () => {
      const command = ["sh"];
      await assert.rejects(
        host.build({ ...classed("fast"), command }),
        (error) =>
          isFault(error, "invalid") &&
          /blockio-class.*no block I\/O class "fast"; it has slow/.test(error.message),
      );
      writeFileSync(host.at("classes.yaml"), "Classes:\n  slow:\n    - Weight: 5\n");
      await assert.rejects(host.build({ ...classed("slow"), command }), (error) => {
        assert.ok(isFault(error, "wrongState"));
        assert.match(String(error.cause), /Classes\.slow\.0\.Weight: is not from 10 to 1000/);
        return true;
      });
      writeFileSync(host.at("classes.yaml"), "Classes:\n  slow:\n    - ThrottleReadBps: 5M\n");
      await assert.rejects(host.build({ ...classed("slow"), command }), /can't be used/);
    });
  });
}

test("a class is the container's own, its pod's for it, its pod's for all, in this order", () => {
  const of = (own: string, named: string, all: string) =>
    wantedClass("rdt", {
      config: { ...exampleConfig, annotations: { "io.kubernetes.cri.rdt-class": own } },
      pod: {
        ...examplePod,
        config: {
          ...examplePod.config,
          annotations: {
            [`rdt.resources.beta.kubernetes.io/container.${exampleConfig.metadata.name}`]: named,
            "rdt.resources.beta.kubernetes.io/pod": all,
          },
        },
      },
    })?.name;
  assert.deepEqual(
    [of("a", "b", "c"), of("", "b", "c"), of("", "", "c"), of("", "", "")],
    ["a", "b", "c", undefined],
  );
});

test("an RDT class of the settings is a resctrl group: made by them, or on the node; each obstacle is named", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "berth-resctrl-"));
  t.after(() => rmSync(root, { recursive: true }));
  const classes = {
    gold: { l3: "L3:0=ff", memoryBandwidth: "MB:0=80" },
    made: { l3: "", memoryBandwidth: "" },
  };
  const find = (name: string) => findRdt({ name, from: "here", by: "pod" }, { file: "", classes }, root);
  await assert.rejects(find("gold"), /here: RDT class "gold" needs resctrl, which this node has not at/);
  await assert.rejects(
    find("other"),
    /RDT class "other" is not in the setting rdt\.classes; it has gold, made/,
  );
  writeFileSync(join(root, "schemata"), "");
  assert.deepEqual(await find("gold"), {
    closID: "gold",
    l3CacheSchema: "L3:0=ff",
    memBwSchema: "MB:0=80",
  });
  await assert.rejects(find("made"), /has no group .*made on this node/);
  mkdirSync(join(root, "made"));
  assert.deepEqual(await find("made"), { closID: "made" });
  assert.equal(await findRdt(undefined, { file: "", classes }, root), undefined);
});
