import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { assertFound, assertHealthy, examine } from "../harness/doctor.ts";
import { privileged } from "../harness/privileged.ts";
import { makeWorkspace, removeWorkspace, type Workspace } from "../harness/workspace.ts";

/** Their numbers on every architecture. */
const calls = { pidfd_open: 434, openat2: 437, mount_setattr: 442 } as const;

/** On which cgroup version the tests run: a fault of it is planted in another way. */
const isV1 = existsSync("/sys/fs/cgroup/memory");

describe("berth doctor against faults of the host", privileged, () => {
  let workspace: Workspace;

  before(() => {
    workspace = makeWorkspace({ runtime: "crun" });
  });

  after(() => removeWorkspace(workspace));

  const onRoot = (script: string) => `mkdir -p ${workspace.root}; cd ${workspace.directory}; ${script}`;

  test("a full disk, and one that lacks inodes only", async () => {
    const filled = `mount -t tmpfs -o size=128m,mode=0700 tmpfs root; head -c 120m /dev/zero > root/filling`;
    const full = await examine(workspace, ["disk"], { plant: onRoot(filled) });
    assert.equal(full.code, 1);
    assertFound(full, "problem", new RegExp(`root ${workspace.root}: the disk is full`), /du -xh/);
    assert.ok(!full.findings.some(({ what }) => /inodes/.test(what)));

    const crowded = "mount -t tmpfs -o size=1g,nr_inodes=900,mode=0700 tmpfs root";
    const without = await examine(workspace, ["disk"], { plant: onRoot(crowded) });
    assertFound(without, "problem", /root .*: no inodes are left/, /unused images/);
    assert.ok(!without.findings.some(({ what }) => /root .*disk is full/.test(what)));
  });

  test("a disk that is read-only, and file systems that overlays can't use", async () => {
    const locked = "mount -t tmpfs -o size=1g,mode=0700 tmpfs root; mount -o remount,ro root";
    const readOnly = await examine(workspace, ["disk"], { plant: onRoot(locked) });
    assertFound(readOnly, "problem", /can't be written/, /remount,rw/);

    const stacked =
      "mkdir -p below; mount -t tmpfs -o size=1g tmpfs below; mkdir below/l below/u below/w; " +
      "mount -t overlay -o lowerdir=below/l,upperdir=below/u,workdir=below/w overlay root";
    const onOverlay = await examine(workspace, ["disk"], { plant: onRoot(stacked) });
    assertFound(onOverlay, "problem", /overlays do not work in/, /ext4 or xfs|native/);

    const typeless =
      "mkdir -p on; mount -t tmpfs -o size=300m tmpfs on; truncate -s 200m on/disk; " +
      "mkfs.ext4 -q -O ^filetype on/disk; mount -o loop on/disk root; chmod 0700 root";
    const withoutTypes = await examine(workspace, ["disk"], { plant: onRoot(typeless) });
    assertFound(withoutTypes, "problem", /overlays do not work in/);
    assert.match(JSON.stringify(withoutTypes.findings), /d_type/);
  });

  test("a healthy disk is found so, and nothing is left of the look at it", async () => {
    const roomy = "mount -t tmpfs -o size=1g,mode=0700 tmpfs root";
    // What lies there afterwards goes to standard error, which must stay empty.
    const by = ["sh", "-c", `"$@"; ls -A ${workspace.root} >&2`, "sh"];
    assertFound(await examine(workspace, ["disk"], { plant: onRoot(roomy), by }), "ok", /overlays work/);
  });

  test("a file system that never answers ends the checks that look there, and no other", async () => {
    // A FUSE file system whose server never says a word.
    const options = "fd=3,rootmode=40000,user_id=0,group_id=0";
    const dead = `exec 3<>/dev/fuse; mount -i -t fuse -o ${options} dead ${workspace.root}`;
    const found = await examine(workspace, ["disk", "kernel", "leaks"], { plant: onRoot(dead) });
    const late = found.findings.filter(({ what }) => /could not be checked within/.test(what));
    assert.deepEqual(
      late.map(({ check, severity }) => `${check}: ${severity}`),
      ["disk: problem", "leaks: problem"],
    );
    assertFound(found, "ok", /has what berth needs/);
    assert.equal(found.code, 1);
  });

  test("user namespaces: that they can be had, and what withholds them", async () => {
    assertFound(await examine(workspace, ["users"]), "ok", /the file system of .* can show their ids/);
    const unmapped = await examine(workspace, ["users"], {
      plant: onRoot(`mount -t ramfs ram ${workspace.root}`),
    });
    assertFound(unmapped, "note", /can't be used: .*mount_setattr .*EINVAL/, /user-namespaces\.md/);
    const limited = await examine(workspace, ["users"], {
      plant: "echo 0 > /proc/sys/user/max_user_namespaces",
      namespaces: ["--user", "--map-root-user"], // the limit is that of this one
    });
    assertFound(limited, "note", /making a user namespace: unshare: .* \(sysctl user\.max_user_namespaces/);
  });

  test("a cgroup controller that is not mounted, v2 without the controllers that v1 holds, and no cgroups at all", async () => {
    const taken = isV1
      ? "umount /sys/fs/cgroup/pids"
      : `f=${workspace.directory}/controllers; echo "cpuset cpu io memory" > $f; mount --bind $f /sys/fs/cgroup/cgroup.controllers`;
    const without = await examine(workspace, ["cgroups"], { plant: taken });
    assert.equal(without.code, 1);
    const remedy = isV1 ? /mount -t cgroup -o pids/ : /cgroup_no_v1=all/;
    assertFound(without, "problem", /controller pids is missing/, remedy);
    assert.ok(!without.findings.some(({ what }) => /memory is missing/.test(what)));

    const bare = "umount -R /sys/fs/cgroup";
    const alone = await examine(workspace, ["cgroups"], {
      plant: `${bare}; mount -t cgroup2 none /sys/fs/cgroup`,
    });
    assertFound(alone, "ok", /cgroup v2/);
    if (isV1) assertFound(alone, "problem", /controller memory is missing/, /cgroup_no_v1=all/);

    const none = await examine(workspace, ["cgroups"], { plant: bare });
    assertFound(none, "problem", /no cgroup hierarchy is mounted/, /mount -t cgroup2/);

    const tree = isV1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
    const locked = await examine(workspace, ["cgroups"], { plant: `mount -o remount,bind,ro ${tree}` });
    assertFound(locked, "problem", new RegExp(`read-only: ${tree}`), /remount,rw/);
  });

  test("a kubelet that means another cgroup driver and another runtime", async () => {
    const settings = "cgroupDriver: systemd\ncontainerRuntimeEndpoint: unix:///run/other/other.sock";
    const plant = `mount -t tmpfs tmpfs /var/lib; mkdir -p /var/lib/kubelet; echo '${settings}' > /var/lib/kubelet/config.yaml`;
    const found = await examine(workspace, ["cgroups", "sockets"], { plant });
    assertFound(found, "warning", /driver is cgroupfs, the kubelet's is systemd/, /cgroupDriver: cgroupfs/);
    assertFound(found, "warning", /pointed at \/run\/other\/other\.sock/, /containerRuntimeEndpoint/);
  });

  test("a kubelet that is pointed at CRI-O's socket, where berth has that, and at berth's own", async () => {
    const { configFile, socket } = workspace;
    const pointedAt = (endpoint: string) => ({
      plant: `mount -t tmpfs tmpfs /var/lib; mkdir -p /var/lib/kubelet; cd /var/lib
        echo 'containerRuntimeEndpoint: unix://${endpoint}' > kubelet/config.yaml
        (cat ${configFile}; echo '[kubelet]'; echo 'cadvisor = "crio"') > config.toml
        mount --bind config.toml ${configFile}`,
    });
    const there = await examine(workspace, ["sockets"], pointedAt("/var/run/crio/crio.sock"));
    assertFound(there, "ok", /pointed at \/run\/crio\/crio\.sock/);
    const elsewhere = await examine(workspace, ["sockets"], pointedAt(socket));
    assertFound(
      elsewhere,
      "note",
      /not at the socket that kubelet\.cadvisor/,
      /unix:\/\/\/run\/crio\/crio\.sock/,
    );
    assertFound(await examine(workspace, ["sockets"], { plant: "true" }), "ok", /is free/);
  });

  test("a kernel that lacks features, whatever its version says", async () => {
    assertHealthy(await examine(workspace, ["kernel"]));
    const old = await examine(workspace, ["kernel"], { without: Object.values(calls) });
    assert.equal(old.code, 1);
    assertFound(old, "problem", /no openat2: needed for unpacking/, /newer kernel/);
    assertFound(old, "problem", /no mount_setattr: needed for read-only/, /newer kernel/);
    assertFound(old, "note", /no pidfd_open/);
    assert.equal(old.findings.filter(({ severity }) => severity === "problem").length, 2);
  });

  test("no inotify instances are left, and few open files", async () => {
    const inotify = await examine(workspace, ["limits"], {
      namespaces: ["--user", "--map-root-user"],
      plant: "echo 0 > /proc/sys/user/max_inotify_instances",
    });
    assertFound(inotify, "problem", /no inotify instance can be made \(EMFILE\)/, /max_user_instances/);
    const files = await examine(workspace, ["limits"], { by: ["prlimit", "--nofile=1024:1024"] });
    assertFound(files, "warning", /may open 1024 files only/, /LimitNOFILE/);
  });

  test("a clock that stands before berth was installed", async () => {
    const early = await examine(workspace, ["clock"], { by: ["faketime", "2020-02-02 00:00:00"] });
    assert.equal(early.code, 1);
    assertFound(early, "problem", /clock is far off: it says 2020-02-0/, /timedatectl|chronyc/);
  });

  test("without some of root's capabilities, and without root", async () => {
    const bounded = await examine(workspace, ["permissions"], {
      by: ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"],
    });
    assertFound(bounded, "problem", /no CAP_NET_ADMIN/, /capabilities/);
    // The sources and the workspace may lie where only root goes.
    const mayRead = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"];
    const own = await examine(workspace, ["permissions", "kernel"], {
      by: ["setpriv", "--reuid=65534", "--clear-groups", ...mayRead, "env", `HOME=${workspace.logs}`],
    });
    assertFound(own, "warning", /not run as root/, /sudo/);
    assertFound(own, "note", /not tried, as only root may: open_tree/, /sudo/);
  });
});
