import assert from "node:assert/strict";
import { test } from "node:test";
import { parseKataConfiguration } from "./kata-configuration.ts";

const main = {
  file: "/c.toml",
  text: `
[hypervisor.qemu]
path = "/usr/bin/qemu-system-x86_64"
kernel = "/k"
image = "/i"
shared_fs = "virtio-fs"
virtio_fs_daemon = "/v"
default_vcpus = 1
compact_force_times = 9223372036854775807
[runtime]
enable_debug = false
`,
};

test("what a hypervisor needs is read; drop-ins lie over it key by key", () => {
  const first = parseKataConfiguration([main]);
  assert.deepEqual(first, {
    hypervisor: "qemu",
    path: "/usr/bin/qemu-system-x86_64",
    kernel: "/k",
    image: "/i",
    initrd: "",
    firmware: "",
    jailer: "",
    sharedFs: "virtio-fs",
    virtioFsDaemon: "/v",
    usesVhostNet: true,
  });
  const text = '[hypervisor.qemu]\nimage = ""\ninitrd = "/r"\ndisable_vhost_net = true';
  const later = parseKataConfiguration([main, { file: "/config.d/1.toml", text }]);
  assert.deepEqual(later, { ...first, image: "", initrd: "/r", usesVhostNet: false });
});

test("what can't be used says which file, and what in it", () => {
  const said = (text: string) => () => parseKataConfiguration([{ file: "/c.toml", text }]);
  assert.throws(said("[agent.kata]"), /\/c\.toml has no \[hypervisor/);
  assert.throws(said("[hypervisor.qemu]\n[hypervisor.clh]"), /several hypervisors \(qemu, clh\)/);
  assert.throws(said("\n[hypervisor.qemu"), { message: /^\/c\.toml:2: it is no TOML: [^\n]+$/ });
  assert.throws(said("hypervisor = 1"), /\/c\.toml: \[hypervisor\] is no table/);
  assert.throws(said("[hypervisor.clh]\nkernel = 7"), /\/c\.toml: hypervisor\.clh\.kernel: /);
});
