import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { ownPort } from "../../src/linux/testing/own-port.ts";
import { assertFound, assertHealthy, examine } from "../harness/doctor.ts";
import { NginxRegistry } from "../harness/nginx-registry.ts";
import { privileged } from "../harness/privileged.ts";
import { TestRegistry } from "../harness/registry.ts";
import { makeWorkspace, removeWorkspace, type Workspace } from "../harness/workspace.ts";

describe("berth doctor against registries that have something wrong with them", privileged, () => {
  let workspace: Workspace;
  let registry: TestRegistry;
  const running: NginxRegistry[] = [];

  before(async () => {
    registry = await TestRegistry.start();
  });
  after(() => registry.close());

  beforeEach(() => {
    workspace = makeWorkspace({ runtime: "crun" });
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((nginx) => nginx.close()));
    removeWorkspace(workspace);
  });

  async function start(options: Parameters<typeof NginxRegistry.start>[0]): Promise<NginxRegistry> {
    const nginx = await NginxRegistry.start(options);
    running.push(nginx);
    return nginx;
  }

  /** A directory of certs.d with this hosts.toml. */
  function configure(name: string, hostsToml: string): string {
    const directory = join(workspace.certsDir, name);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "hosts.toml"), hostsToml);
    return directory;
  }

  const look = (...args: string[]) => examine(workspace, args.length === 0 ? ["registries"] : args);

  test("a registry that is well, with an authority of its own and a password, and its clock", async () => {
    registry.trustIn(workspace.certsDir);
    const found = await look("registries", "clock", "certificates");
    assertHealthy(found);
    assertFound(found, "ok", new RegExp(`https://${registry.host}/v2 answers 401`));
    assertFound(found, "ok", /Z, as https:/);
    assertFound(found, "ok", /ca\.crt: valid until/);
  });

  test("a dead registry: nobody listens, nobody answers, no such name, errors", async () => {
    const dead = `127.0.0.1:${await ownPort()}`;
    const refused = await look("registries", "--registry", `${dead}/app:1`);
    assert.equal(refused.code, 1);
    assertFound(refused, "problem", new RegExp(`https?://${dead}/v2: nobody listens there`), /curl -v/);

    const silent = await listenInSilence();
    const host = `127.0.0.1:${(silent.address() as { port: number }).port}`;
    configure(host, `server = "http://${host}"\n`);
    configure("no-such-host.invalid", 'server = "https://no-such-host.invalid"\n');
    const failing = await start({ status: 503 });
    configure("failing.example", `server = "http://${failing.host}"\n`);
    const found = await look();
    silent.close();
    assertFound(found, "problem", new RegExp(`${host}/v2: it does not answer`), /firewall/);
    assertFound(found, "problem", /no-such-host\.invalid can't be resolved/, /resolv\.conf/);
    assertFound(found, "problem", /answers with an error: HTTP 503/, /own log/);
  });

  test("a mirror that is dead while the registry lives is a warning", async () => {
    const living = await start({});
    const dead = `127.0.0.1:${await ownPort()}`;
    configure("mirrored.example", `server = "http://${living.host}"\n[host."http://${dead}"]\n`);
    const found = await look();
    assert.equal(found.code, 0);
    assertFound(found, "warning", new RegExp(`mirror http://${dead}/v2 of mirrored.example: nobody`), /curl/);
    assert.equal((await look("registries", "--strict")).code, 1);
  });

  test("a certificate that has expired, one of an unknown authority, one that soon ends, and no TLS at all", async () => {
    const expired = await start({ tls: true, certificateMade: "2020-01-01 00:00:00" });
    const directory = configure("expired.example", `server = "https://${expired.host}"\nca = "ca.pem"\n`);
    copyFileSync(expired.certificate, join(directory, "ca.pem"));
    const unknown = await start({ tls: true });
    configure("unknown.example", `server = "https://${unknown.host}"\n`);
    const ending = await start({ tls: true, certificateMade: "-25d" });
    const trusting = configure("ending.example", `server = "https://${ending.host}"\nca = "ca.pem"\n`);
    copyFileSync(ending.certificate, join(trusting, "ca.pem"));
    const plain = await start({});
    configure("plain.example", `server = "https://${plain.host}"\n`);

    const found = await look("registries", "certificates");
    assertFound(found, "problem", /https.*: its certificate has expired on 2020-01-31T/, /renew it/);
    assertFound(
      found,
      "problem",
      /its certificate is from an authority that this node does not trust/,
      /ca in hosts\.toml/,
    );
    assertFound(found, "warning", /the certificate of https.* ends in 4 days/, /renew/);
    assertFound(found, "problem", /it does not speak TLS/, /server = "http:/);
    assertFound(
      found,
      "problem",
      /ca\.pem: the certificate of CN=registry has expired on 2020-01-31T/,
      /renewed/,
    );
    assertFound(found, "warning", /ca\.pem: the certificate of CN=registry ends in 4 days/, /renew/);
  });

  test("certificates and keys that are missing, that don't fit, or that others can read", async () => {
    const [one, other] = await Promise.all([start({ tls: true }), start({ tls: true })]);
    const directory = configure(
      "client.example",
      `server = "https://${one.host}"\nclient = [["cert.pem", "key.pem"]]\nca = "ca.pem"\n`,
    );
    copyFileSync(one.certificate, join(directory, "cert.pem"));
    copyFileSync(other.certificate.replace("certificate.pem", "key.pem"), join(directory, "key.pem"));
    const { findings } = await look("certificates");
    const found = { code: 1, findings };
    assertFound(found, "problem", /ca\.pem can't be used/, /correct its name/);
    assertFound(found, "problem", /key\.pem is not the key of .*cert\.pem/, /the certificate was made with/);
  });

  test("a clock that is days off those of registries", async () => {
    const ahead = await start({ clock: "+3d" });
    configure("ahead.example", `server = "http://${ahead.host}"\n`);
    const found = await look("clock");
    assert.equal(found.code, 1);
    assertFound(found, "problem", /the clock is 3 days behind that of http/, /timedatectl|chronyc/);
    const right = await start({});
    configure("right.example", `server = "http://${right.host}"\n`);
    const disputed = await look("clock");
    assert.equal(disputed.code, 0, "one that agrees makes it a warning");
    assertFound(disputed, "warning", /3 days behind/);
  });

  test("a registry is asked through the proxy that the environment names, and a proxy that is dead is seen", async () => {
    configure("proxied.example", 'server = "http://registry.invalid"\n');
    const by = ["env", `HTTP_PROXY=http://127.0.0.1:${await ownPort()}`];
    assertFound(
      await examine(workspace, ["registries"], { by }),
      "problem",
      /proxied\.example: nobody listens/,
    );
    const around = await examine(workspace, ["registries"], { by: [...by, "NO_PROXY=.invalid"] });
    assertFound(around, "problem", /registry\.invalid can't be resolved/);
  });

  test("a hosts.toml that has mistakes", async () => {
    configure("broken.example", "server = = 1\n");
    configure("odd.example", 'server = "https://odd.example"\nskip_verfy = true\n');
    const found = await look();
    assertFound(found, "problem", /broken\.example\/hosts\.toml is not TOML, line 1/, /docs\/registries\.md/);
    assertFound(
      found,
      "problem",
      /odd\.example\/hosts\.toml, line 2: skip_verfy .*skip_verify/,
      /docs\/registries\.md/,
    );
  });
});

/** Takes connections and never says a word. */
function listenInSilence(): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}
