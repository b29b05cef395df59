import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { berthCommand, type CommandResult } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { privileged } from "../harness/privileged.ts";
import { TestRegistry } from "../harness/registry.ts";
import { transferSteps } from "../harness/transfer-steps.ts";
import { busyboxLayer, directory, file } from "../images/busybox.ts";
import { writeOciArchive } from "../images/image.ts";

const web = "test.berth.example/web:1";
const db = "test.berth.example/db:1";
const history = [
  { created_by: "ADD busybox" },
  { created_by: "CMD cat /srv/what", empty_layer: true },
  { created_by: "COPY srv /srv" },
];

describe("commands for images", privileged, () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;

  before(async () => {
    registry = await TestRegistry.start();
    daemon = await TestDaemon.start({ runtime: "crun" });
    registry.trustIn(daemon.workspace.certsDir);
    const base = busyboxLayer();
    for (const [name, text] of [
      [web, "a web"],
      [db, "a database"],
    ] as const) {
      const path = at("made.tar");
      const layers = [base, [directory("srv"), file("srv/what", `${text}\n`)]];
      await writeOciArchive({ name, layers, history, config: { Cmd: ["cat", "/srv/what"] } }, path);
      await berth("load", "-i", path);
    }
  });

  after(async () => {
    try {
      if (daemon !== undefined) await endDaemon(daemon);
    } finally {
      await registry?.close();
    }
  });

  const at = (name: string) => join(daemon.workspace.directory, name);

  /** Runs a command that must succeed. @returns what it printed */
  async function berth(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await daemon.command(...args);
    assert.equal(code, 0, `berth ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** Runs it with another program in a pipe, as a shell does. */
  function shell(script: string): Promise<CommandResult> {
    const env = { ...process.env, BERTH_ENDPOINT: daemon.workspace.socket, PATH: `${process.env.PATH}` };
    const child = spawn("bash", ["-c", `set -o pipefail; ${script}`], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on("data", (piece) => out.push(piece));
    child.stderr.on("data", (piece) => err.push(piece));
    return new Promise((resolve) =>
      child.on("close", (code) =>
        resolve({
          code: code ?? -1,
          stdout: Buffer.concat(out).toString("latin1"),
          stderr: Buffer.concat(err).toString(),
        }),
      ),
    );
  }

  test("save and load: a file, a pipe, standard input from a file, several images", async () => {
    const before = await berth("images");
    const archive = at("both.tar");
    writeFileSync(archive, "was there before");
    assert.equal(await berth("save", "-o", archive, web, db), "");
    assert.equal(statSync(archive).mode & 0o777, 0o600);
    const names = execFileSync("tar", ["-tf", archive], { encoding: "utf8" }).split("\n");
    assert.ok(["index.json", "oci-layout", "manifest.json"].every((name) => names.includes(name)));
    // A layer that both have is there once.
    assert.equal(names.filter((name) => name.startsWith("blobs/")).length, 7);
    await berth("rmi", web, db);
    assert.equal(await berth("load", archive), `${web}\n${db}\n`);
    assert.equal(await berth("images"), before);

    const piped = await shell(`${berthCommand} save ${web} | gzip -1 > ${at("web.tgz")}`);
    assert.deepEqual(piped, { code: 0, stdout: "", stderr: "" });
    await berth("rmi", web);
    assert.equal((await shell(`cat ${at("web.tgz")} | ${berthCommand} load`)).stdout, `${web}\n`);
    await berth("rmi", web);
    const quiet = await shell(`${berthCommand} load -q < ${at("web.tgz")}`);
    assert.match(quiet.stdout, /^sha256:[0-9a-f]{64}\n$/);
    assert.equal(await berth("images"), before);
    assert.equal(await berth("run", "--rm", web), "a web\n");
  });

  test("a save that fails leaves the file as it was; into what is no file it writes", async () => {
    const archive = at("kept.tar");
    writeFileSync(archive, "was there before");
    const absent = await daemon.command("save", "-o", archive, "absent:1");
    assert.equal(absent.code, 4, absent.stderr);
    assert.match(absent.stderr, /^berth: image "absent:1" is not on this node/);
    assert.equal(readFileSync(archive, "utf8"), "was there before");
    const nowhere = await daemon.command("save", "-o", "/no/such/directory/x.tar", web);
    assert.match(nowhere.stderr, /^berth: \/no\/such\/directory\/x\.tar can't be written/);
    await berth("save", "-o", "/dev/null", web);
    assert.ok(statSync("/dev/null").isCharacterDevice());
    const both = await shell(`${berthCommand} save ${web} absent:1 | cat`);
    assert.deepEqual([both.code, both.stdout], [4, ""]);
    const unreadable = await shell(`echo no archive | ${berthCommand} load`);
    assert.match(
      unreadable.stderr,
      /^berth: loading standard input: importing \/\S+: it is neither an OCI layout/,
    );
    assert.deepEqual(
      readdirSync(daemon.workspace.directory).filter((name) => name.startsWith(".kept")),
      [],
    );
  });

  test("tag and untag", async () => {
    await berth("tag", web, "mine", "other.example/mine:2");
    const { images } = JSON.parse(await berth("images", "-o", "json", "mine"));
    assert.deepEqual(images[0].repoTags, ["docker.io/library/mine:latest", "other.example/mine:2", web]);
    assert.equal(await berth("run", "--rm", "mine"), "a web\n");
    assert.match(await berth("__complete", "untag", "other"), /^other\.example\/mine:2\t/);
    await berth("untag", "mine", "other.example/mine:2");
    const again = await daemon.command("untag", "mine");
    assert.deepEqual([again.code, again.stdout], [4, ""]);
    assert.match(again.stderr, /no image on this node is called docker\.io\/library\/mine:latest/);
    assert.equal((await daemon.command("tag", web, "not a name")).code, 1);
  });

  test("push: to a registry, what it has is left out, from one repository to another", async () => {
    const creds = ["--creds", `${registry.username}:${registry.password}`];
    const target = `${registry.host}/team/web:1`;
    const pushed = await daemon.command("push", ...creds, web, target);
    assert.equal(pushed.code, 0, pushed.stderr);
    const reference = pushed.stdout.trim();
    assert.match(reference, new RegExp(`^${registry.host}/team/web@sha256:[0-9a-f]{64}$`));
    const told = /^pushing \S+\n(layer [0-9a-f]{12} \S+ done\n){3}pushed \S+ in [\d.]+ s\n$/;
    assert.match(transferSteps(pushed.stderr), told);
    const again = await daemon.command("push", ...creds, web, target);
    assert.match(
      transferSteps(again.stderr),
      /^pushing \S+\n(layer \S+ \S+ there already\n){3}all of it was there\n$/,
    );

    await berth("tag", web, `${registry.host}/moved/web`);
    const moved = await daemon.command("push", ...creds, `${registry.host}/moved/web`);
    assert.match(
      transferSteps(moved.stderr),
      /^pushing \S+\n(layer \S+ \S+ mounted there\n){3}all of it was there\n$/,
    );
    await berth("rmi", web);
    await berth("pull", "-q", ...creds, reference);
    await berth("tag", reference, web);
    assert.equal(await berth("run", "--rm", web), "a web\n");

    const refused = await daemon.command("push", web, target);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^berth: pushing \S+: sending sha256:\S+ .*401/m);
    const unnamed = await daemon.command("push", (await berth("images", "-q", "web")).slice(7, 20));
    assert.match(unnamed.stderr, /is an id, and names no registry \(say where to push it/);
    assert.ok(!daemon.logTail(10_000).includes(registry.password));
  });

  test("history and the tree of images", async () => {
    const { history: steps } = JSON.parse(await berth("history", web, "-o", "json"));
    assert.deepEqual(
      steps.map(({ createdBy }: { createdBy: string }) => createdBy),
      history.map((step) => step.created_by).reverse(),
    );
    assert.ok(steps[2].bytes > 500_000 && steps[1].layer === undefined && steps[0].bytes < 100_000);
    assert.match(
      await berth("history", web),
      /^LAYER .*\n[0-9a-f]{13} +COPY srv \/srv +\S+kB\n +CMD cat \S+\n[0-9a-f]{13} +ADD busybox +\S+MB\n$/,
    );
    assert.equal((await daemon.command("history", "absent")).code, 4);

    await berth("create", "--name", "user", web);
    const tree = await berth("images", "--tree");
    assert.match(tree, /^\(shared by 2\) +\S+MB +\S+MB +1$/m);
    assert.match(tree, /^(├─|\|-) test\.berth\.example\/db:1 +[0-9a-f]{13} +\S+MB +\S+ +1$/m);
    assert.match(tree, /^(└─|`-) .*test\.berth\.example\/web:1 +[0-9a-f]{13} +\S+MB +\S+ +1 +1$/m);
    assert.match(tree, /^2 images, \S+MB together, \S+MB if they shared nothing$/m);
    const { tree: nodes } = JSON.parse(await berth("images", "--tree", "-o", "json"));
    assert.deepEqual([nodes.length, nodes[0].below.length], [1, 2]);
    assert.equal((await daemon.command("images", "--tree", "-q")).code, 2);
    await berth("rm", "-f", "user");
  });
});
