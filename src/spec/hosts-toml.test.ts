import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { isFault } from "../base/fault.ts";
import { parseHostsToml } from "./hosts-toml.ts";
import { readRegistryHosts } from "./registry-hosts-file.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-hosts-"));
after(() => rmSync(directory, { recursive: true }));

const read = (text: string, registry = "docker.io", isDefault = false) =>
  parseHostsToml({ text, file: "/certs/hosts.toml", registry, isDefault });

function refused(text: string): string {
  try {
    read(text);
  } catch (error) {
    assert.ok(isFault(error, "invalid"), String(error));
    return error.message;
  }
  return assert.fail("it was taken");
}

test("everything that containerd's hosts.toml can say is read, in the file's order", () => {
  const [mirror, second, server] = read(`
server = "https://registry-1.docker.io"
ca = ["one.pem", "/abs/two.pem"]

[host."https://z.example/sub"]
capabilities = ["Pull", "resolve"]
ca = "m.pem"
client = [["c.cert", "c.key"], ["both.pem", ""], "one.pem"]
skip_verify = true
dial_timeout = "1m1.5s"
[host."https://z.example/sub".header]
x-one = "1"
x-more = ["2", "3"]

[host."http://a.example:5000/api"]
override_path = true
client = "c.pem"
`);
  assert.deepEqual(mirror, {
    base: "https://z.example/sub/v2",
    capabilities: new Set(["pull", "resolve"]),
    tls: {
      ca: ["/certs/m.pem"],
      client: [
        { cert: "/certs/c.cert", key: "/certs/c.key" },
        { cert: "/certs/both.pem", key: "/certs/both.pem" },
        { cert: "/certs/one.pem", key: "/certs/one.pem" },
      ],
      skipVerify: true,
    },
    headers: { "x-one": ["1"], "x-more": ["2", "3"] },
    isRegistry: false,
    namespace: "docker.io",
    plainBase: undefined,
    dialTimeout: 61_500,
  });
  assert.equal(second?.base, "http://a.example:5000/api");
  assert.deepEqual(second?.tls.client, [{ cert: "/certs/c.pem", key: "/certs/c.pem" }]);
  assert.deepEqual(second?.capabilities, new Set(["pull", "resolve", "push", "referrers"]));
  assert.equal(server?.base, "https://registry-1.docker.io/v2");
  assert.deepEqual(server?.tls.ca, ["/certs/one.pem", "/abs/two.pem"]);
  assert.deepEqual([server?.isRegistry, server?.namespace], [true, undefined]);
});

test("who is the registry: what has its name, and the server that its own file names; for all, it is a mirror", () => {
  const roles = (text: string, registry: string, isDefault = false) =>
    read(text, registry, isDefault).map(({ isRegistry, namespace }) => [isRegistry, namespace]);
  const own = 'server = "https://10.0.0.5"\n[host."http://r.example:5000"]\n[host."https://m.example"]';
  assert.deepEqual(roles(own, "r.example:5000"), [
    [true, undefined],
    [false, "r.example:5000"],
    [true, "r.example:5000"],
  ]);
  assert.deepEqual(roles('server = "https://m.example"', "r.example", true), [[false, "r.example"]]);
  assert.deepEqual(roles('[host."https://registry-1.docker.io"]', "docker.io"), [
    [true, undefined],
    [true, undefined],
  ]);
});

test("mistakes are told with line and key, and with what was meant", () => {
  assert.equal(
    refused(`[host."https://m.example"]\nskip_verfy = true\n`),
    '/certs/hosts.toml, line 2: host."https://m.example".skip_verfy is not known; did you mean skip_verify?',
  );
  assert.equal(
    refused(`server = "https://x"\ncapabilities = ["pull", "resolv"]`),
    '/certs/hosts.toml, line 2: capabilities must be one of "pull", "resolve", "push", "referrers"; did you mean resolve?',
  );
  assert.match(
    refused("\nhosts = 1\nca = 3"),
    /line 3: ca must be a text or a list of texts; .*line 2: hosts is not known; did you mean host\?/,
  );
  assert.match(refused('client = [["a", "b", "c"]]'), /line 1: client must be a path, a list of paths, or/);
  assert.match(refused('dial_timeout = "5"'), /line 1: dial_timeout must be a duration, as in "5s"/);
  assert.match(refused('[header]\n"a b" = "x"'), /line 2: header."a b" is not the name of a header/);
  assert.match(refused("skip_verify = 1"), /line 1: skip_verify must be true or false/);
  assert.match(refused('\n[host."ftp://x"]'), /line 2: host."ftp:\/\/x": an address is http/);
  assert.match(refused("server = = 1"), /hosts\.toml is not TOML, line 1, column/);
});

test("no mistake tells a secret", () => {
  for (const text of [
    '[host."https://me:s3cret@m.example"]',
    '[header]\nauthorization = "s3cret"\nnot toml',
    'header = "s3cret"',
    'server = "https://me:s3cret@x"',
    'server = "https://me:s3cret@x:99999"',
    "[header]\nauthorization = { a = 's3cret' }",
  ])
    assert.doesNotMatch(refused(text), /s3cret/, text);
});

test("which file is read: with the port in the way that file systems take, as it is, for all; or certificates", async () => {
  const at = async (name: string) => {
    const { hosts, from } = await readRegistryHosts(directory, name);
    return [from, hosts[0]?.base, hosts[0]?.tls];
  };
  const make = (name: string, file: string, text: string) => {
    mkdirSync(join(directory, name), { recursive: true });
    writeFileSync(join(directory, name, file), text);
  };
  assert.deepEqual(await at("r.example:5000"), [undefined, "https://r.example:5000/v2", {}]);
  make("_default", "hosts.toml", 'server = "https://all.example"');
  make("r.example:5000", "hosts.toml", 'server = "https://colon.example"');
  assert.equal((await at("r.example:5000"))[1], "https://colon.example/v2");
  make("r.example_5000_", "hosts.toml", 'server = "https://under.example"');
  assert.equal((await at("r.example:5000"))[1], "https://under.example/v2");
  assert.equal((await at("r.example"))[1], "https://all.example/v2");
  for (const file of ["ca.crt", "one.cert", "one.key", "two.cert"]) make("docker.example", file, "");
  const within = (file: string) => join(directory, "docker.example", file);
  assert.deepEqual(await at("docker.example"), [
    join(directory, "docker.example"),
    "https://docker.example/v2",
    {
      ca: [within("ca.crt")],
      client: [
        { cert: within("one.cert"), key: within("one.key") },
        { cert: within("two.cert"), key: within("two.cert") },
      ],
    },
  ]);
});

test("any text is read or refused, soon", () => {
  const piece = fc.constantFrom(
    "[host.",
    '"https://a"',
    "]",
    "=",
    '"',
    "\n",
    "ca",
    "[",
    "client",
    "1",
    "'",
    ".",
  );
  const any = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 40 }).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(any, (text) => {
      try {
        read(text);
      } catch (error) {
        assert.ok(isFault(error, "invalid"), String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
