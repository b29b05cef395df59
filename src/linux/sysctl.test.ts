import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { sysctlFile } from "./sysctl.ts";

describe("sysctlFile", () => {
  const all = ["net", "ipc", "uts"] as const;

  it("finds the file of a setting, with either separator", () => {
    assert.equal(sysctlFile("net.ipv4.ip_forward", all), "/proc/sys/net/ipv4/ip_forward");
    assert.equal(sysctlFile("net/ipv4/ip_forward", all), "/proc/sys/net/ipv4/ip_forward");
    assert.equal(
      sysctlFile("net.ipv4.conf.eth0/1.forwarding", all),
      "/proc/sys/net/ipv4/conf/eth0.1/forwarding",
    );
    assert.equal(
      sysctlFile("net/ipv4/conf/eth0.1/forwarding", all),
      "/proc/sys/net/ipv4/conf/eth0.1/forwarding",
    );
    assert.equal(sysctlFile("kernel.shm_rmid_forced", ["ipc"]), "/proc/sys/kernel/shm_rmid_forced");
    assert.equal(sysctlFile("fs.mqueue.msg_max", ["ipc"]), "/proc/sys/fs/mqueue/msg_max");
  });

  it("refuses settings of the node, of a shared namespace, and names that lead elsewhere", () => {
    for (const name of [
      "kernel.panic",
      "vm.swappiness",
      "fs.file-max",
      "kernel.sem_next_id",
      "kernel.hostname",
    ]) {
      assert.throws(() => sysctlFile(name, all), { kind: "invalid", message: /whole node/ }, name);
    }
    assert.throws(() => sysctlFile("net.ipv4.ip_forward", ["ipc"]), {
      kind: "invalid",
      message: /net namespace/,
    });
    for (const name of [
      "",
      "net",
      "net.",
      ".net",
      "net..x",
      "net/../kernel/panic",
      "net.//.kernel.panic",
      "net.a\0",
    ]) {
      assert.throws(() => sysctlFile(name, all), { kind: "invalid" }, JSON.stringify(name));
    }
  });

  it("never leaves /proc/sys/net for a name that begins with net", () => {
    const part = fc.constantFrom("net", ".", "/", "..", "kernel", "a", "ipv4");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        let file: string;
        try {
          file = sysctlFile(`net${parts.join("")}`, ["net"]);
        } catch {
          return;
        }
        assert.match(file, /^\/proc\/sys\/net\//);
        assert.ok(!file.split("/").includes(".."));
      }),
    );
  });
});
