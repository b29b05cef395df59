import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkOwnCgroup, findCgroupHierarchies, groupDirectories } from "./cgroup-hierarchies.ts";
import { parseMountinfo } from "./mountinfo.ts";

const known =
  "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\ncpuacct\t1\t1\t1\nmemory\t4\t1\t1\nhugetlb\t0\t1\t1\n";
const at = (path: string) => `/sys/fs/cgroup${path}`;
const find = (...lines: string[]) =>
  findCgroupHierarchies(parseMountinfo(Buffer.from(lines.join("\n"))), known);

describe("findCgroupHierarchies", () => {
  it("finds cgroup v2 alone", () => {
    const found = find("31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot");
    assert.deepEqual(found, { version: 2, mounts: new Map([["unified", at("")]]) });
  });

  it("finds v1 controllers, mounted together or apart, and named hierarchies", () => {
    const found = find(
      "31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro",
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
      "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
      "34 31 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd",
      "35 31 0:30 / /elsewhere rw - cgroup cgroup rw,memory",
    );
    assert.equal(found.version, 1);
    assert.deepEqual(
      [...found.mounts],
      [
        ["cpu", at("/cpu,cpuacct")],
        ["cpuacct", at("/cpu,cpuacct")],
        ["memory", at("/memory")],
        ["name=systemd", at("/systemd")],
      ],
    );
    assert.equal(groupDirectories(found, "/a/b").length, 3);
  });

  it("takes hybrid for v1, and v2 beside named hierarchies only for v2", () => {
    const v2 = "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";
    const memory = "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";
    const systemd = "34 31 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd";
    assert.equal(find(v2, memory, systemd).version, 1);
    assert.equal(find(v2, memory).mounts.get("unified"), at("/unified"));
    assert.deepEqual(find(systemd, v2), { version: 2, mounts: new Map([["unified", at("/unified")]]) });
  });

  it("says when nothing is mounted", () => {
    assert.throws(() => find("31 23 0:28 / / rw - ext4 /dev/vda rw"), { kind: "unavailable" });
  });
});

it("refuses cgroups that are the root or lead out of it", () => {
  checkOwnCgroup("/a/b.slice");
  for (const path of ["", "/", "a", "/a/../..", "/../a", "/a//b", "/a/", "/./a", "/a\0", "/a\nb"]) {
    assert.throws(() => checkOwnCgroup(path), { kind: "invalid" }, JSON.stringify(path));
  }
});
