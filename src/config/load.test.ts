import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { handlerSettings } from "./handler-settings.ts";
import { loadConfig } from "./load.ts";

/** A directory with these files; `config.toml` is the main one. */
function write(t: TestContext, files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), "berth-config-"));
  t.after(() => rmSync(directory, { recursive: true }));
  for (const [name, content] of Object.entries({ "config.toml": "", ...files })) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  return join(directory, "config.toml");
}

function refusal(t: TestContext, toml: string): string {
  const config = write(t, { "config.toml": toml });
  try {
    loadConfig({ config }, {});
  } catch (error) {
    assert.equal((error as { kind?: string }).kind, "invalid");
    return (error as Error).message.replaceAll(config, "FILE");
  }
  return assert.fail("nothing was refused");
}

test("the packaged file names every setting and shows its default", (t) => {
  const packaged = readFileSync(join(import.meta.dirname, "../../packaging/config.toml"), "utf8");
  const config = write(t, { "config.toml": packaged.replaceAll(/^#(?=[a-zA-Z[\]]| {2})/gm, "") });
  const shown = loadConfig({ config }, {});
  const defaults = loadConfig({ config: write(t, {}) }, {});
  assert.deepEqual(shown.config, defaults.config);
  for (const [key, origin] of shown.origins)
    assert.equal(origin, config, `${key} is not in packaging/config.toml`);
});

test("layers are laid over one another: file, drop-ins by name, environment, options", (t) => {
  const config = write(t, {
    "config.toml": 'root = "/r1"\n[log]\nlevel = "warn"\nformat = "text"\n[network]\nbinDirs = ["/a", "/b"]',
    "config.d/20-b.toml": 'root = "/r3"\n[network]\nbinDirs = ["/d"]',
    "config.d/10-a.toml": 'root = "/r2"\nstate = "/s2"\n[network]\nbinDirs = ["/c"]\ndelDeadline = "1m30s"',
    "config.d/30-c.toml.off": "nonsense",
  });
  const loaded = loadConfig({ config, state: "/s4" }, { BERTH_STATE: "/s3", BERTH_LOG_LEVEL: "debug" });
  assert.equal(loaded.config.root, "/r3");
  assert.equal(loaded.config.state, "/s4");
  assert.equal(loaded.config.grpc.socket, "/s4/berth.sock");
  assert.deepEqual(loaded.config.log, { level: "debug", target: "auto", format: "text" });
  assert.deepEqual(loaded.config.network.binDirs, ["/d"]);
  assert.equal(loaded.config.network.delDeadline, 90_000);
  assert.equal(loaded.origins.get("root"), join(dirname(config), "config.d/20-b.toml"));
  assert.equal(loaded.origins.get("state"), "--state");
  assert.equal(loaded.origins.get("log.level"), "BERTH_LOG_LEVEL");
  assert.equal(loaded.origins.get("log.format"), config);
  assert.equal(loaded.origins.get("network.confDir"), "default");
  assert.equal(loaded.files.length, 3);
});

test("handlers merge by name, and a new one gets the defaults", (t) => {
  const config = write(t, {
    "config.toml": '[runtime]\ndefault = "kata"\n[runtime.handlers.kata]\nargs = ["--debug"]',
    "config.d/a.toml":
      '[runtime.handlers.kata]\nbinary = "/opt/kata"\n[runtime.handlers.crun]\nargs = ["-x"]',
  });
  const { handlers } = loadConfig({ config }, {}).config.runtime;
  assert.deepEqual(Object.keys(handlers), ["crun", "runc", "kata"]);
  const untouched = handlerSettings({}, "kata");
  assert.deepEqual(handlers.kata, { ...untouched, binary: "/opt/kata", args: ["--debug"] });
  assert.deepEqual(handlers.crun, { ...untouched, binary: "crun", args: ["-x"] });
});

test("a handler with a shim has that by name or path, and its options by containerd's names", (t) => {
  const handler = (toml: string) => `[runtime.handlers.shim]\n${toml}`;
  const config = write(t, {
    "config.toml": handler(
      'type = "io.containerd.runc.v2"\noptions = { BinaryName = "crun", IoUid = 7, NoPivotRoot = true }',
    ),
  });
  const { shim } = loadConfig({ config }, {}).config.runtime.handlers;
  assert.equal(shim?.type, "io.containerd.runc.v2");
  assert.deepEqual(shim.options, { BinaryName: "crun", IoUid: 7, NoPivotRoot: true });
  const refused = (toml: string, words: RegExp) => assert.match(refusal(t, handler(toml)), words);
  refused('type = "runc"', /shim\.type must be "oci", a shim as in "io\.containerd\.runc\.v2"/);
  refused(
    'type = "io.containerd.runc.v2"\noptions = { Binary = "x" }',
    /has "Binary", which .* knows .*BinaryName/,
  );
  refused('type = "io.containerd.runc.v2"\noptions = { IoUid = "7" }', /has IoUid, which must be a number/);
  refused(
    'type = "io.containerd.runc.v2"\noptions = { SystemdCgroup = true }',
    /against cgroup\.driver = "cgroupfs"/,
  );
  refused(
    'type = "io.containerd.kata.v2"\noptions = { BinaryName = "x" }',
    /knows TypeUrl, ConfigPath, ConfigBody/,
  );
  refused('type = "/opt/shim"\nruntimePath = "shim"', /shim\.runtimePath must be an absolute path/);
  refused('sandboxer = "shim"', /shim\.sandboxer can't be "shim" with type = "oci"/);
  refused('options = { "--platform" = "x" }', /options has "--platform", which is no flag of an OCI runtime/);
});

test("an unknown key is refused with its file, its path and the name that was meant", (t) => {
  assert.match(
    refusal(t, "[network]\nconf_dir = '/x'"),
    /FILE:2: .* network\.conf_dir; did you mean network\.confDir\?/,
  );
  assert.match(
    refusal(t, "[runtime.handlers.crun]\nbin = 'x'"),
    /did you mean runtime\.handlers\.crun\.binary\?/,
  );
  assert.match(refusal(t, "confDir = '/x'"), /no setting confDir; did you mean network\.confDir\?/);
  assert.match(refusal(t, "[log]\nxyz = 1"), /no setting log\.xyz$/m);
  assert.match(refusal(t, "__proto__ = 1"), /no setting __proto__/);
});

test("a wrong value is refused with what was expected, and every mistake is told at once", (t) => {
  const said = refusal(
    t,
    ["root = 'here'", "log = 1", "[network]", "maxConfs = 0", "delDeadline = '5 min'", "binDirs = '/a'"].join(
      "\n",
    ),
  );
  assert.match(said, /FILE:1: root must be an absolute path, not "here"/);
  assert.match(said, /FILE:2: log must be a table, not 1/);
  assert.match(said, /network\.maxConfs must be a whole number, 1 or more, not 0/);
  assert.match(said, /network\.delDeadline must be a duration/);
  assert.match(said, /network\.binDirs must be a list, each of it an absolute path, not "\/a"/);
  assert.match(refusal(t, "root = 1999-01-01"), /root must be an absolute path/);
  assert.match(refusal(t, "[runtime.handlers.'a b']"), /runtime\.handlers\.a b: a name/);
});

test("settings that contradict one another are refused", (t) => {
  assert.match(refusal(t, "[runtime]\ndefault = 'rucn'"), /no handler; there are crun, runc/);
  assert.match(
    refusal(t, "[image]\nsnapshotter = 'overlayfs'"),
    /no snapshotter; there are overlay, native, btrfs, devmapper, zfs/,
  );
  assert.match(
    refusal(t, "[runtime.handlers.crun]\nsnapshotter = 'x'"),
    /runtime\.handlers\.crun\.snapshotter is "x", which is no snapshotter/,
  );
  const remote = "[image]\nsnapshotter = 'stargz'\n[remoteSnapshotters.stargz]\n";
  assert.match(refusal(t, remote), /remoteSnapshotters\.stargz\.address must be a socket/);
  assert.match(
    refusal(t, "[remoteSnapshotters.overlay]\naddress = '/run/x'"),
    /remoteSnapshotters\.overlay\.address is for another name: berth has a snapshotter overlay/,
  );
  const named = write(t, { "config.toml": `${remote}address = '/run/stargz.sock'` });
  assert.deepEqual(loadConfig({ config: named }, {}).config.remoteSnapshotters.stargz, {
    address: "/run/stargz.sock",
    namespace: "k8s.io",
    deadline: 60_000,
  });
  assert.match(refusal(t, "root = '/x'\nstate = '/x/run'"), /must not lie in one another/);
  assert.match(refusal(t, `[grpc]\nsocket = '/${"x".repeat(107)}'`), /at most 107 bytes/);
  const long = `[kubelet]\ncrioSocket = '/${"x".repeat(103)}'`;
  assert.match(refusal(t, long), /kubelet\.crioSocket must be at most 103 bytes/);
  const twice = "[grpc]\nsocket = '/run/crio/crio.sock'\n[kubelet]\ncadvisor = 'crio'";
  assert.match(refusal(t, twice), /grpc\.socket is kubelet\.crioSocket/);
  assert.match(refusal(t, "[cgroup]\ndriver = 'systemd'\nparent = '/a'"), /must be a slice's name/);
  assert.match(refusal(t, "[runtime.handlers.x]\nbinary = './x'"), /a name or an absolute path/);
});

test("an address for metrics that can't be one is refused with what it could be", (t) => {
  const refused = (address: string) => refusal(t, `[metrics]\naddress = '${address}'`);
  assert.match(refused("9321"), /FILE: metrics\.address must be as in "127\.0\.0\.1:9321"/);
  assert.match(refused(":9321"), /names no address before the port: "0\.0\.0\.0:9321" would be every IPv4/);
  assert.match(refused("localhost:9321"), /needs an IP address, IPv6 in brackets, .* not "localhost"/);
  assert.match(refused("[127.0.0.1]:9321"), /needs an IP address/);
  assert.match(refused("127.0.0.1:99999"), /must be as in/);
  assert.match(refused("unix:run/x.sock"), /needs an absolute path after "unix:"/);
  assert.match(refused(`unix:/${"x".repeat(103)}`), /must be at most 103 bytes long/);
  assert.match(refused("unix:/run/berth/berth.sock"), /is the CRI's own socket \(grpc\.socket\)/);
  assert.match(refusal(t, "[metrics]\npeerNames = ['docker']"), /one of "containerd", "crio"/);
  for (const address of ["127.0.0.1:9321", "[::1]:0", "0.0.0.0:65535", "unix:/run/m.sock", ""]) {
    const config = write(t, { "config.toml": `[metrics]\naddress = '${address}'` });
    assert.equal(loadConfig({ config }, {}).config.metrics.address, address);
  }
});

test("what of the streams' settings does not fit together is refused, each with what it needs", (t) => {
  const wrong: readonly [string, RegExp][] = [
    ["address = 'unix:/run/s.sock'", /streaming\.address must be an address with a port/],
    ["address = 'localhost:1'", /streaming\.address needs an IP address/],
    ["tls = true\ncertFile = '/c'", /streaming\.certFile needs streaming\.keyFile/],
    ["tls = true\nkeyFile = '/k'", /streaming\.keyFile needs streaming\.certFile/],
    ["tls = true\ncertFile = 'c'\nkeyFile = '/k'", /streaming\.certFile must be an absolute path: c/],
    ["certFile = '/c'\nkeyFile = '/k'", /streaming\.certFile has no effect without streaming\.tls = true/],
    ["minTlsVersion = '1.1'", /one of "1\.2", "1\.3"/],
    ["creationTimeout = 0", /streaming\.creationTimeout must be more/],
    ["maxStreams = 0", /1 or more/],
  ];
  for (const [toml, words] of wrong) assert.match(refusal(t, `[streaming]\n${toml}`), words);
});

test("what is no TOML is refused with its line, and a named file must be there", (t) => {
  assert.match(refusal(t, "root = '/x'\nlog = = 2"), /^ {2}FILE:2:\d+: /m);
  assert.throws(() => loadConfig({ config: "/nowhere/config.toml" }, {}), { kind: "notFound" });
});

test("sizes, durations, capabilities and limits are read in each of their forms", (t) => {
  const config = write(t, {
    "config.toml": [
      "[grpc]\nmaxMessage = 1000",
      "[image]\nmaxLayer = '1.5GiB'\nmaxManifest = '2 MB'",
      "[deadline]\nundo = 1500\nrunPod = '1h'",
      "[container]\ncapabilities = ['chown', 'CAP_KILL']\nrlimits = [{ type = 'NOFILE', soft = 5, hard = -1 }]",
    ].join("\n"),
  });
  const { grpc, image, deadline, container, cgroup } = loadConfig({ config }, {}).config;
  assert.deepEqual([grpc.maxMessage, image.maxLayer, image.maxManifest], [1000, 1.5 * 2 ** 30, 2_000_000]);
  assert.deepEqual([deadline.undo, deadline.runPod], [1500, 3_600_000]);
  assert.deepEqual(container.capabilities, ["CAP_CHOWN", "CAP_KILL"]);
  assert.deepEqual(container.rlimits, [{ type: "RLIMIT_NOFILE", soft: 5, hard: -1 }]);
  assert.equal(cgroup.parent, "/berth");
  const systemd = loadConfig({ config: write(t, { "config.toml": "cgroup.driver = 'systemd'" }) }, {});
  assert.equal(systemd.config.cgroup.parent, "berth.slice");
});
