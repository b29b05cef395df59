import assert from "node:assert/strict";
import { test } from "node:test";
import { parseKataConfiguration } from "../../spec/kata-configuration.ts";
import { judgeKata, judgePropagation, nestedNote } from "./judge-kata.ts";

const qemu = `
[hypervisor.qemu]
path = "/q"
kernel = "/k"
initrd = "/r"
shared_fs = "virtio-fs"
virtio_fs_daemon = "/v"
`;

function judge(text: string, missing: readonly string[] = [], snapshotter = "overlay", pool = "p") {
  const configuration = parseKataConfiguration([{ file: "/c.toml", text }]);
  const obstacle = (path: string) => (missing.includes(path) ? "is not there" : undefined);
  const handler = { name: "kata", snapshotter, pool, file: "/c.toml", configuration, obstacle };
  return judgeKata(handler).map(({ severity, what }) => `${severity} ${what}`);
}

test("each device and file that a hypervisor of Kata's needs is told when it is missing, and how it is had", () => {
  assert.deepEqual(judge(qemu), ["ok kata: qemu, its guest and devices are there (/c.toml)"]);
  assert.deepEqual(judge(qemu, ["/dev/kvm", "/dev/vhost-vsock", "/dev/vhost-net"]), [
    "problem kata: /dev/kvm is not there",
    "problem kata: /dev/vhost-vsock is not there",
    "problem kata: /dev/vhost-net is not there",
  ]);
  assert.deepEqual(judge(`${qemu}disable_vhost_net = true`, ["/dev/vhost-net"]), judge(qemu));
  assert.deepEqual(judge(qemu, ["/q", "/k", "/r", "/v"]), [
    "problem kata: /q (path) is not there",
    "problem kata: /k (kernel) is not there",
    "problem kata: /r (initrd) is not there",
    "problem kata: /v (virtio_fs_daemon) is not there",
  ]);
  assert.deepEqual(judge('[hypervisor.qemu]\npath = "/q"\nkernel = "/k"'), [
    "problem kata: /c.toml does not say hypervisor.qemu.image",
  ]);
  assert.deepEqual(
    judge(`${qemu}image = "/i"`).at(-1),
    "warning kata: /c.toml names an image and an initrd for the guest",
  );
});

test("Firecracker needs a snapshotter of devices, and no device for its connection to the guest", () => {
  const firecracker =
    '[hypervisor.firecracker]\npath = "/f"\njailer_path = "/j"\nkernel = "/k"\nimage = "/i"';
  const none = ["/dev/vhost-vsock", "/dev/vhost-net"];
  assert.deepEqual(judge(firecracker, none, "devmapper"), [
    "ok kata: firecracker, its guest and devices are there (/c.toml)",
  ]);
  assert.match(judge(firecracker, none)[0] ?? "", /^problem .* the snapshotter "overlay" has no devices/);
  assert.deepEqual(judge(firecracker, none, "devmapper", ""), [
    'problem kata: the snapshotter "devmapper" has no pool for its devices',
  ]);
  assert.deepEqual(judge(firecracker, ["/j"], "devmapper"), ["problem kata: /j (jailer_path) is not there"]);
});

test("hypervisors that lie elsewhere or within the shim are not looked for", () => {
  assert.match(judge("[hypervisor.remote]", ["/dev/kvm"])[0] ?? "", /^ok kata: virtual machines elsewhere/);
  assert.match(judge('[hypervisor.dragonball]\nkernel = "/k"\nimage = "/i"')[0] ?? "", /^ok /);
});

test("a machine within a machine is noted, a mount that stays in its namespace is a problem", () => {
  assert.equal(nestedNote(["fpu", "hypervisor"])[0]?.severity, "note");
  assert.deepEqual(nestedNote(["fpu"]), []);
  assert.deepEqual(judgePropagation("/", true), []);
  assert.equal(judgePropagation("/run", false)[0]?.remedy, "mount --make-rshared /run");
});
