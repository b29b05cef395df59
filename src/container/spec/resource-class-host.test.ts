import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, it, test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { findRdt } from "./rdt/rdt-lookup.ts";
import { wantedClass } from "./resource-class.ts";
import { exampleConfig, examplePod } from "./testing/example.ts";
import { noOciRun } from "./testing/oci-run.ts";
import { type PodRun, startPodRun } from "./testing/pod-run.ts";

/** Why no group can have a weight of block I/O; false: it can. Loads the scheduler where it is a module. */
function noWeights(runtime: string): string | false {
  spawnSync("/sbin/modprobe", ["bfq"], { stdio: "ignore" });
  const [v1, v2] = ["/sys/fs/cgroup/blkio", "/sys/fs/cgroup"].map((root) =>
    existsSync(root) ? globSync(`${root}/*/*bfq.weight`) : [],
  );
  if (v1?.length && runtime === "crun")
    return "NOT RUN: with cgroup v1, crun writes blkio.weight, which kernels since 5.0 have not";
  return v1?.length || v2?.length
    ? false
    : "NOT RUN: this kernel weighs no groups (CONFIG_BFQ_GROUP_IOSCHED)";
}

/** A block device whose scheduler is bfq, until it is disposed of. */
class BfqDisk implements Disposable {
  readonly device: string;
  readonly number: string;
  readonly #directory = mkdtempSync(join(tmpdir(), "berth-bfq-"));

  constructor() {
    const file = join(this.#directory, "disk");
    writeFileSync(file, "");
    truncateSync(file, 1 << 20);
    this.device = execFileSync("/sbin/losetup", ["--find", "--show", file]).toString().trim();
    const directory = join("/sys/block", basename(this.device));
    writeFileSync(join(directory, "queue/scheduler"), "bfq");
    this.number = readFileSync(join(directory, "dev"), "utf8").trim();
  }

  [Symbol.dispose](): void {
    writeFileSync(join("/sys/block", basename(this.device), "queue/scheduler"), "none");
    execFileSync("/sbin/losetup", ["--detach", this.device]);
    rmSync(this.#directory, { recursive: true });
  }
}

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

    it("gives weights, where a scheduler of the kernel's has them", {
      skip: noWeights(runtime),
    }, async () => {
      using loop = new BfqDisk();
      writeFileSync(
        host.at("classes.yaml"),
        `Classes:
  light:
    - Weight: 80
    - Devices: [${loop.device}]
      Weight: 300
`,
      );
      const { output } = await host.sh(
        "cd /sys/fs/cgroup; cat io.bfq.weight 2>/dev/null || cat blkio/blkio.bfq.weight blkio/blkio.bfq.weight_device",
        classed("light"),
      );
      assert.match(output, /^(default )?80$/m);
      assert.match(output, new RegExp(`^${loop.number} 300$`, "m"));
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
