import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import type { ContainerSecurity, Mount } from "../../spec/cri/container-config.ts";
import type { FoundMount, HostFacts, RuntimeFeatures } from "./input.ts";
import { containerMounts } from "./mounts.ts";
import { exampleInput, exampleMount, exampleSecurity } from "./testing/example.ts";

interface Case {
  mounts?: Partial<Mount>[];
  propagation?: FoundMount["propagation"];
  security?: Partial<ContainerSecurity>;
  host?: Partial<HostFacts>;
  runtime?: Partial<RuntimeFeatures>;
}

function build({ mounts = [], propagation = "private", security, host, runtime }: Case) {
  const asked = mounts.map((mount) => ({ ...exampleMount, ...mount }));
  return containerMounts(
    {
      ...exampleInput,
      config: { ...exampleInput.config, mounts: asked, security: { ...exampleSecurity, ...security } },
      host: { ...exampleInput.host, ...host },
      runtime: { ...exampleInput.runtime, ...runtime },
      found: {
        ...exampleInput.found,
        mounts: asked.map(({ hostPath }) => ({ source: hostPath, propagation, mountPoint: "/mnt" })),
      },
    },
    {},
  );
}

const destinations = (input: Case) => build(input).mounts.map((mount) => mount.destination);
const optionsOf = (input: Case, destination: string) =>
  build(input).mounts.find((mount) => mount.destination === destination)?.options;

const kernel = ["/proc", "/dev", "/dev/pts", "/dev/mqueue", "/sys", "/sys/fs/cgroup"];
const files = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/dev/shm"];

test("mounts are made the less deep ones first, and replace default ones", () => {
  const cases: [Partial<Mount>[], string[]][] = [
    [[], [...kernel, ...files]],
    [
      [{ containerPath: "/a/b/c" }, { containerPath: "/a" }, { containerPath: "/a/b/" }],
      [...kernel, "/a", ...files, "/a/b", "/a/b/c"],
    ],
    [
      [{ containerPath: "/etc/hosts" }],
      [...kernel, "/etc/hostname", "/etc/resolv.conf", "/dev/shm", "/etc/hosts"],
    ],
    [
      [{ containerPath: "/dev/shm/" }],
      [...kernel, "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/dev/shm"],
    ],
    [[{ containerPath: "/dev" }], ["/proc", "/sys", "/sys/fs/cgroup", "/dev", ...files]],
    [[{ containerPath: "/sys" }], ["/proc", "/dev", "/dev/pts", "/dev/mqueue", "/sys", ...files]],
    [[{ containerPath: "relative/../x" }], [...kernel, "/x", ...files]],
  ];
  for (const [mounts, expected] of cases)
    assert.deepEqual(destinations({ mounts }), expected, JSON.stringify(mounts));
});

test("a pod's file doesn't appear on the node through a mount that spreads", () => {
  const mounts = [{ containerPath: "/etc", propagation: "bidirectional" as const }];
  assert.deepEqual(destinations({ mounts, propagation: "shared" }), [...kernel, "/etc", "/dev/shm"]);
});

test("access and propagation become options", () => {
  const { image } = exampleInput.config;
  const ofImage = ["rbind", "rprivate"];
  const cases: [Partial<Mount>, FoundMount["propagation"], string[], string | undefined][] = [
    [{}, "private", ["rbind", "rprivate"], undefined],
    [{ readonly: true }, "shared", ["rbind", "rprivate", "ro"], undefined],
    [{ readonly: true, recursiveReadOnly: true }, "shared", ["rbind", "rprivate", "rro"], undefined],
    [{ propagation: "hostToContainer" }, "shared", ["rbind", "rslave"], "rslave"],
    [{ propagation: "hostToContainer" }, "slave", ["rbind", "rslave"], "rslave"],
    [{ propagation: "bidirectional" }, "shared", ["rbind", "rshared"], "rshared"],
    [{ selinuxRelabel: true }, "private", ["rbind", "rprivate"], undefined],
    [{ options: ["noexec", "nosuid"] }, "private", ["rbind", "rprivate", "noexec", "nosuid"], undefined],
    [{ image, readonly: true }, "shared", ["rbind", "rprivate", "ro", "nosuid", "nodev"], undefined],
    [{ image, propagation: "hostToContainer" }, "private", [...ofImage, "ro", "nosuid", "nodev"], "rslave"],
  ];
  for (const [mount, propagation, options, root] of cases) {
    const input = { mounts: [mount], propagation };
    assert.deepEqual(optionsOf(input, "/data"), options, JSON.stringify(mount));
    assert.equal(build(input).rootfsPropagation, root);
  }
});

test("mounts that can't be are refused, by their place", () => {
  const ids = [{ hostId: 1000, containerId: 0, length: 1 }];
  const cases: [Partial<Mount>, FoundMount["propagation"], RegExp][] = [
    [{ containerPath: "" }, "private", /containerPath is not set/],
    [{ containerPath: "/a/.." }, "private", /root itself/],
    [{ hostPath: "relative" }, "private", /hostPath "relative"/],
    [{ recursiveReadOnly: true }, "private", /readonly is not/],
    [
      { recursiveReadOnly: true, readonly: true, propagation: "hostToContainer" },
      "shared",
      /private propagation/,
    ],
    [{ propagation: "hostToContainer" }, "private", /lies on \/mnt, which is private/],
    [{ options: ["nosuid", "suid"] }, "private", /mount_options: "suid" is none of noexec, nodev, nosuid/],
    [{ image: exampleInput.config.image, propagation: "bidirectional" }, "shared", /an image/],
    [{ propagation: "bidirectional" }, "slave", /needs a shared mount.*is slave/],
  ];
  for (const [mount, propagation, message] of cases) {
    assert.throws(
      () => build({ mounts: [{ containerPath: "/fine" }, mount], propagation }),
      (error) =>
        isFault(error, "invalid") && error.message.includes("mounts[1]") && message.test(error.message),
      JSON.stringify(mount),
    );
  }
  const rro = {
    mounts: [{ readonly: true, recursiveReadOnly: true }],
    runtime: { recursiveReadOnly: false },
  };
  assert.throws(
    () => build(rro),
    (error) => isFault(error, "invalid"),
  );
  const mapped = build({ mounts: [{ uidMappings: ids, gidMappings: ids }] });
  assert.deepEqual(mapped.mounts.find((mount) => mount.destination === "/data")?.uidMappings, [
    { hostID: 1000, containerID: 0, size: 1 },
  ]);
});

test("privileged containers can write to sysfs and cgroups; the node's cgroup2 keeps its options", () => {
  const nsdelegate = { cgroup2Options: ["nsdelegate"] };
  assert.ok(optionsOf({}, "/sys")?.includes("ro"));
  assert.deepEqual(optionsOf({ host: nsdelegate }, "/sys/fs/cgroup")?.slice(-1), ["ro"]);
  const privileged = { privileged: true };
  assert.ok(optionsOf({ security: privileged }, "/sys")?.includes("rw"));
  const options = optionsOf({ security: privileged, host: nsdelegate }, "/sys/fs/cgroup");
  assert.deepEqual(options?.slice(-2), ["rw", "nsdelegate"]);
});

test("pod files are read-only with the root; shared memory is the pod's or its own", () => {
  const security = {
    readonlyRootfs: true,
    namespaces: { ...exampleSecurity.namespaces, ipc: "container" as const },
  };
  assert.deepEqual(optionsOf({ security }, "/etc/hosts"), ["rbind", "rprivate", "ro"]);
  const own = build({ security }).mounts.find((mount) => mount.destination === "/dev/shm");
  assert.equal(own?.type, "tmpfs");
  const shared = build({}).mounts.find((mount) => mount.destination === "/dev/shm");
  assert.equal(shared?.source, "/run/pod/shm");
});
