import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { selfSigned } from "../../src/wire/x509/self-signed.ts";
import { runBerth } from "../harness/command.ts";
import { assertFound, assertHealthy, examine } from "../harness/doctor.ts";
import { privileged } from "../harness/privileged.ts";
import { makeWorkspace, removeWorkspace, type Workspace } from "../harness/workspace.ts";

describe("berth doctor against what was set up wrong", privileged, () => {
  let workspace: Workspace;

  beforeEach(() => {
    workspace = makeWorkspace({ runtime: "crun" });
  });

  afterEach(() => removeWorkspace(workspace));

  /** Lays settings over those of the workspace. */
  function set(toml: string): void {
    const directory = join(dirname(workspace.configFile), "config.d");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "planted.toml"), toml);
  }

  const look = (...args: string[]) => examine(workspace, args);
  const conf = (name: string) => join(workspace.confDir, name);

  test("nothing is wrong: every check of what an operator sets up says so", async () => {
    assertHealthy(await look("config", "permissions", "runtimes", "sockets", "certificates"));
  });

  test("certificates of the streams that are missing, or not their key's, and one that others can read", async () => {
    const [cert, key] = [join(workspace.directory, "tls.crt"), join(workspace.directory, "tls.key")];
    set(`[streaming]\ntls = true\ncertFile = "${cert}"\nkeyFile = "${key}"`);
    const missing = await look("certificates");
    assert.equal(missing.code, 1);
    assertFound(missing, "problem", /tls\.crt can't be used/, /streaming\.certFile/);
    const now = Date.now();
    const dates = { from: new Date(now - 1000), until: new Date(now + 1e10) };
    const [one, other] = [1, 2].map(() => selfSigned({ commonName: "node", names: ["::1"], ...dates }));
    writeFileSync(cert, one?.cert ?? "");
    writeFileSync(key, other?.key ?? "", { mode: 0o644 });
    const mixed = await look("certificates");
    assertFound(mixed, "problem", /tls\.key is not the key of .*tls\.crt/, /was made with/);
    assertFound(mixed, "warning", /tls\.key is readable for others/, /chmod 0600/);
    writeFileSync(key, one?.key ?? "");
    chmodSync(key, 0o600);
    assertFound(await look("certificates"), "ok", /tls\.crt: valid until/);
  });

  test("a handler of virtual machines: Kata's configuration, and what that names, is not there", async () => {
    const configuration = join(workspace.directory, "configuration.toml");
    set(
      `[runtime.handlers.kata]\ntype = "io.containerd.kata.v2"\noptions = { ConfigPath = "${configuration}" }`,
    );
    const none = await look("virtual-machines");
    assert.equal(none.code, 1);
    assertFound(none, "problem", /kata: .*configuration\.toml/, /options\.ConfigPath/);
    writeFileSync(configuration, '[hypervisor.qemu]\npath = "/nowhere/qemu"\nkernel = "/proc/version"');
    const named = await look("virtual-machines");
    assertFound(named, "problem", /kata: \/nowhere\/qemu \(path\) is not there/, /hypervisor\.qemu\.path/);
    assertFound(named, "problem", /does not say hypervisor\.qemu\.image/, /hypervisor\.qemu\.image/);
  });

  test("no CNI configuration, one that is no JSON, one that comes too late", async () => {
    rmSync(conf("10-test.conflist"));
    const none = await look("network");
    assert.equal(none.code, 1);
    assertFound(none, "problem", /there is no CNI configuration in .*net\.d/, /network plugin/);

    writeFileSync(conf("20-broken.conflist"), '{ "name": "x", ');
    assertFound(await look("network"), "problem", /20-broken\.conflist can't be used: it is no JSON/);

    const late = { cniVersion: "1.0.0", name: "late", plugins: [{ type: "loopback" }] };
    writeFileSync(conf("30-good.conflist"), JSON.stringify(late));
    writeFileSync(conf("40-late.conflist"), JSON.stringify(late));
    const both = await look("network");
    assertFound(both, "warning", /20-broken\.conflist can't be used/);
    assertFound(both, "ok", /network "late" of 30-good\.conflist: loopback/);
    assertFound(both, "note", /not used: 40-late\.conflist/);
  });

  test("files of CDI devices that can't be used, and those that can", async () => {
    const cdi = join(workspace.directory, "cdi");
    mkdirSync(cdi);
    set(`[cdi]\ndirectories = ["${cdi}"]`);
    assertFound(await look("cdi"), "ok", /cdi: no CDI device/);
    writeFileSync(join(cdi, "broken.yaml"), "kind: vendor.com/gpu\n");
    const device = `{"name": "0", "containerEdits": {"env": ["GPU=0"]}}`;
    writeFileSync(
      join(cdi, "good.json"),
      `{"cdiVersion": "0.5.0", "kind": "vendor.com/gpu", "devices": [${device}]}`,
    );
    const found = await look("cdi");
    assertFound(found, "ok", /cdi: vendor\.com\/gpu=0$/);
    assertFound(found, "warning", /broken\.yaml: cdiVersion: is missing/, /correct the file/);
    const { stdout } = await runBerth("cdi", "--config", workspace.configFile);
    assert.match(stdout, /^vendor\.com\/gpu=0 +1 variable +\S*good\.json$/m);
    assert.match(stdout, /broken\.yaml +cdiVersion: is missing$/m);
  });

  test("files of hooks that can't be used", async () => {
    const hooks = join(workspace.directory, "hooks");
    mkdirSync(hooks);
    set(`[hooks]\ndirectories = ["${hooks}"]`);
    assertFound(await look("hooks"), "ok", /hooks: no hook file/);
    writeFileSync(join(hooks, "broken.json"), '{"version": "1.0.0", "hook": {}}');
    assertFound(await look("hooks"), "warning", /broken\.json: hook\.path: is missing/, /correct the file/);
  });

  test("checkpoints: without criu, with one that can't work here, with runtimes that don't know it, and off", async () => {
    const bin = join(workspace.directory, "bin");
    mkdirSync(bin);
    const program = (name: string, text: string) =>
      writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    program("crun", 'echo "unknown command $1"; exit 1');
    set(`[runtime]\npath = "${bin}"`);
    const without = await look("checkpoint");
    assertFound(without, "note", /there is no criu in/, /apt install criu/);
    assertFound(without, "note", /crun: .* was built without CRIU/, /libcriu/);
    program(
      "criu",
      'echo "Version: 3.17"; [ "$1" = --version ] || { echo "Error (criu/vdso.c:381): no"; exit 1; }',
    );
    program("crun", "exit 0");
    const broken = await look("checkpoint");
    assertFound(broken, "warning", /criu 3\.17 .* can't work on kernel .*: Error \(criu.vdso/, /newer criu/);
    assertFound(broken, "ok", /crun: .* knows checkpoints/);
    set("[checkpoint]\nenable = false");
    assertFound(await look("checkpoint"), "note", /checkpoints are off/);
  });

  test("a CNI plugin that is missing, and no iptables for those that need it", async () => {
    mkdirSync(join(workspace.directory, "bin"));
    set(
      `[network]\nbinDirs = ["${workspace.directory}/bin"]\n[runtime]\npath = "${workspace.directory}/bin"`,
    );
    const found = await look("network");
    for (const plugin of ["bridge", "host-local", "portmap"])
      assertFound(found, "problem", new RegExp(`no CNI plugin ${plugin} in`), /containernetworking-plugins/);
    assertFound(found, "problem", /there is no iptables in/, /apt install iptables/);
  });

  test("a runtime, the monitor, and the seccomp profile that are missing", async () => {
    set(
      `[runtime.handlers.kata]\nbinary = "kata-runtime"\n[runtime.handlers.crun]\nbinary = "/nowhere/crun"`,
    );
    const one = await look("runtimes");
    assertFound(
      one,
      "problem",
      /handler crun \(default\) does not work: there is no \/nowhere\/crun/,
      /install \/nowhere\/crun/,
    );
    assertFound(
      one,
      "problem",
      /handler kata does not work: there is no kata-runtime in/,
      /handlers\.kata\.binary/,
    );
    assertFound(one, "ok", /^runc: /);

    set(`[runtime]\npath = "/nowhere"\n[container]\nseccompProfile = "/nowhere/seccomp.json"`);
    const all = await look("runtimes");
    assertFound(all, "problem", /there is no conmon in \/nowhere/, /apt install conmon/);
    assertFound(all, "warning", /no seccomp profile \/nowhere/, /container\.seccompProfile/);
    assert.ok(all.findings.some(({ why }) => why === "no handler works, so no pod can start"));
  });

  test("a runtime that is there but can't be run", async () => {
    const program = join(workspace.directory, "broken-crun");
    writeFileSync(program, "#!/nowhere/sh\n", { mode: 0o755 });
    set(`[runtime.handlers.crun]\nbinary = "${program}"`);
    assertFound(await look("runtimes"), "problem", /crun .*broken-crun can't be run/, /--version/);
  });

  test("mistakes in the settings, each with file and line, and the other checks go on", async () => {
    set(`# planted\nroot = "relative"\n[network]\nconf_dir = "/x"`);
    const found = await look("config", "runtimes");
    assert.equal(found.code, 1);
    assertFound(
      found,
      "problem",
      /planted\.toml:2: root must be an absolute path, not "relative"/,
      /correct/,
    );
    assertFound(
      found,
      "problem",
      /planted\.toml:4: there is no setting network\.conf_dir; did you mean network\.confDir/,
    );
    assertFound(found, "ok", /^crun \(default\)/);
    set("root = = 1");
    assertFound(await look("config"), "problem", /planted\.toml:1:\d+: /);
  });

  test("directories, settings, secrets and programs that others can change or read", async () => {
    const program = join(workspace.directory, "own-crun");
    writeFileSync(program, '#!/bin/sh\nexec crun "$@"\n');
    chmodSync(program, 0o777);
    set(`[runtime.handlers.crun]\nbinary = "${program}"`);
    mkdirSync(workspace.root, { mode: 0o755 });
    chmodSync(workspace.configFile, 0o666);
    chownSync(workspace.confDir, 12345, 0);
    const registry = join(workspace.certsDir, "registry.example");
    mkdirSync(registry);
    writeFileSync(
      join(registry, "hosts.toml"),
      '[host."https://mirror.example".header]\nauthorization = "Basic x"\n',
    );
    const found = await look("permissions");
    assert.equal(found.code, 1);
    const at = (path: string) => path.replaceAll(".", "\\.");
    assertFound(
      found,
      "problem",
      new RegExp(`${at(program)} is writable for others \\(mode 0777\\)`),
      /chmod go-w/,
    );
    assertFound(found, "problem", /config\.toml is writable for others \(mode 0666\)/, /chmod go-w/);
    assertFound(found, "problem", /net\.d belongs to user 12345/, /chown root:root/);
    assertFound(
      found,
      "warning",
      new RegExp(`${workspace.root} is readable for others \\(mode 0755\\)`),
      /chmod 0700/,
    );
    assertFound(found, "warning", /hosts\.toml is readable for others \(mode 0644\)/, /chmod 0600/);

    chmodSync(workspace.root, 0o777);
    assertFound(
      await look("permissions"),
      "problem",
      new RegExp(`${workspace.root} is writable`),
      /chmod go-w/,
    );
  });

  test("a subnet that the host routes elsewhere, no forwarding, and addresses that are all leased", async () => {
    const { subnet, leases, networkName } = workspace;
    const plant =
      `ip link add other type bridge; ip addr add ${subnet}.77/25 dev other; ip link set other up; ` +
      "mount -t proc proc /proc; echo 0 > /proc/sys/net/ipv4/ip_forward";
    const routed = await examine(workspace, ["network"], { plant, namespaces: ["--net"] });
    assertFound(
      routed,
      "warning",
      new RegExp(`${subnet}\\.0/24 overlaps the host's route .* on other`),
      /another subnet/,
    );
    assertFound(routed, "warning", /ip_forward is 0/, /sysctl -w net\.ipv4\.ip_forward=1/);

    mkdirSync(join(leases, networkName), { recursive: true });
    for (let last = 2; last < 240; last++)
      writeFileSync(join(leases, networkName, `${subnet}.${last}`), "pod");
    assertFound(await look("network"), "warning", /238 of 253 addresses of .* are leased/, /larger subnet/);
    for (let last = 240; last < 255; last++)
      writeFileSync(join(leases, networkName, `${subnet}.${last}`), "pod");
    assertFound(await look("network"), "problem", /253 of 253 addresses/, /--leaks/);
  });
});
