import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ImageSpec } from "../../src/wire/gen/runtime.v1.ts";
import { berthCommand } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { eventually } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { TestRegistry } from "../harness/registry.ts";
import { nginxImage } from "../images/nginx.ts";

describe("berth registry, and settings of registries that change while the daemon runs", privileged, () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;
  let image = "";

  before(async () => {
    registry = await TestRegistry.start();
    image = await registry.push(nginxImage("pushed", "hello"), "web/nginx:1");
    daemon = await TestDaemon.start({ runtime: "crun" });
    registry.trustIn(daemon.workspace.certsDir);
  });
  after(async () => {
    if (daemon !== undefined) await endDaemon(daemon);
    await registry?.close();
  });

  const berth = (name: string, ...args: string[]) =>
    daemon.inside(berthCommand, "registry", name, "--config", daemon.workspace.configFile, ...args);

  /** Runs `berth registry login` at a terminal and types each line once it is asked for. */
  async function logInAtTerminal(username: string, password: string) {
    const command = `${berthCommand} registry login --config ${daemon.workspace.configFile} ${registry.host}`;
    const child = spawn("script", ["-qefc", command, "/dev/null"], { stdio: ["pipe", "pipe", "inherit"] });
    const typing = [
      ["User: ", username],
      ["Password: ", password],
    ];
    let shown = "";
    child.stdout.on("data", (data: Buffer) => {
      shown += data.toString();
      const [asked = "", answer] = typing[0] ?? [];
      if (answer === undefined || !shown.endsWith(asked)) return;
      typing.shift();
      child.stdin.write(`${answer}\r`);
    });
    const code = await new Promise((resolve) => child.once("close", resolve)); // with all that it has shown
    return { code, shown };
  }

  test("a wrong password is refused and not kept; the right one is, for root alone, and not shown as it is typed", async () => {
    const file = join(daemon.workspace.root, "credentials.json");
    const wrong = await logInAtTerminal(registry.username, "s3cret-but-wrong");
    assert.equal(wrong.code, 1, wrong.shown);
    assert.match(wrong.shown, /401/);
    assert.throws(() => statSync(file), /ENOENT/);
    const right = await logInAtTerminal(registry.username, `x\u007f${registry.password}`);
    assert.equal(right.code, 0, right.shown);
    assert.ok(right.shown.includes(`kept in ${file}`));
    for (const { shown } of [wrong, right]) assert.doesNotMatch(shown, /s3cret|lamb/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.match((await berth("login", "-u", "me", registry.host)).stderr, /no terminal to ask at/);
  });

  test("the way to an image is told, and fails with a code of its own", async () => {
    const found = await berth("test", image);
    assert.equal(found.code, 0, found.stdout);
    assert.match(found.stdout, /credential +ok +user "mary", from .*credentials\.json/);
    assert.match(found.stdout, /\nresult +ok +127.*can be pulled from https/);
    const missing = await berth("test", "-o", "json", image.replace(/:1$/, ":2"));
    assert.equal(missing.code, 1);
    const { canBePulled, steps } = JSON.parse(missing.stdout) as {
      canBePulled: boolean;
      steps: { name: string; outcome: string }[];
    };
    assert.equal(canBePulled, false);
    assert.ok(steps.some(({ name, outcome }) => name === "manifest" && outcome === "failed"));
  });

  test("a pull uses what was kept, until the logout; nobody sees the password", async () => {
    const pull = () =>
      daemon.images.pullImage({
        image: ImageSpec.create({ image }),
        auth: undefined,
        sandboxConfig: undefined,
      });
    await pull();
    assert.equal((await berth("logout", registry.host)).code, 0);
    await assert.rejects(pull(), /berth registry login 127/);
    assert.match((await berth("logout", registry.host)).stderr, /has no credential for/);
    assert.ok(!readFileSync(daemon.logFile, "utf8").includes(registry.password));
  });

  test("registries of short names, and those that are blocked, change on HUP", async () => {
    const [, tag] = image.split(`${registry.host}/`);
    const find = async () =>
      (await daemon.images.imageStatus({ image: ImageSpec.create({ image: tag ?? "" }), verbose: false }))
        .image;
    assert.equal(await find(), undefined);
    appendFileSync(
      daemon.workspace.configFile,
      `searchRegistries = ["${registry.host}"]\nblocked = ["bad.example/team"]\n`,
    );
    process.kill(daemon.pid, "SIGHUP");
    assert.deepEqual((await eventually("found by its short name", 10_000, find)).repoTags, [image]);
    const refused = await daemon.command("pull", "bad.example/team/app");
    assert.match(refused.stderr, /is blocked by the rule "bad\.example\/team"/);
    assert.equal((await daemon.command("rmi", tag ?? "")).code, 0);
  });
});
