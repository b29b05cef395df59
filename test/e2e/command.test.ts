import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { berthCommand } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { eventually } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

describe("the berth command", privileged, () => {
  let daemon: TestDaemon;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "crun" });
    await importBusybox(daemon);
  });

  after(() => endDaemon(daemon));

  /** Runs a command that must succeed. @returns what it printed */
  async function berth(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await daemon.command(...args);
    assert.equal(code, 0, `berth ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  test("run shows the container's output, exits with its code and leaves nothing with --rm", async () => {
    const script = "echo to-out; echo to-err >&2; exit 4";
    const ran = await daemon.command("run", "--rm", "--name", "once", busyboxImage, "sh", "-c", script);
    assert.deepEqual(ran, { code: 4, stdout: "to-out\n", stderr: "to-err\n" });
    assert.equal(await berth("pods", "-q"), "");
  });

  test("run --detach, ps, exec, logs, inspect, stop, rm by name, short id and prefix", async () => {
    const script = "echo ready; trap 'exit 0' TERM; while :; do sleep 0.1; done";
    const flags = ["-d", "--name", "kept", "-e", "COLOUR=blue", "-m", "64m", "--label", "tier=web"];
    const id = (await berth("run", ...flags, busyboxImage, "sh", "-c", script)).trim();
    assert.match(id, /^[0-9a-f]{64}$/);
    assert.match(
      await berth("ps"),
      new RegExp(`^${id.slice(0, 13)}\\s+${busyboxImage}.*Running\\s+kept`, "m"),
    );
    assert.match(await berth("pods"), /Ready\s+kept\s+default/);
    assert.equal(await berth("ps", "-q", "--label", "tier=web"), `${id}\n`);
    assert.equal(await berth("exec", "kept", "sh", "-c", "echo $COLOUR"), "blue\n");
    assert.equal((await daemon.command("exec", id.slice(0, 8), "false")).code, 1);
    await eventually("the log", 5000, async () =>
      (await berth("logs", "kept")) === "ready\n" ? true : undefined,
    );
    assert.match(await berth("logs", "--tail", "1", "-t", "kept"), /^\d{4}-\d\d-\d\dT\S+ ready\n$/);

    const container = await berth("inspect", "kept");
    assert.match(container, new RegExp(`^container\\s+${id}$`, "m"));
    assert.match(container, /^pod\s+network\s+[\d.]+\s+[\d.]+\s+CNI$/m);
    assert.match(container, /^container\s+monitor\s+[\d.]+\s+[\d.]+\s+runtime$/m);
    assert.match(await berth("inspect", "--type", "pod", "kept"), /^all\s+[\d.]+\s+berth$/m);
    const whole = JSON.parse(await berth("inspect", "-o", "json", id.slice(0, 10)));
    assert.equal(whole.status.id, id);

    const completed = (...words: string[]) => berth("__complete", ...words);
    assert.match(await completed("logs", "ke"), /^kept\tcontainer [0-9a-f]{13} Running\n$/);
    assert.equal((await completed("stop", id.slice(0, 5))).split("\t")[0], id.slice(0, 13));
    assert.match(await completed("inspect", ""), /^kept\t/);
    assert.match(await completed("rmi", busyboxImage.slice(0, 5)), new RegExp(`^${busyboxImage}\t`));
    assert.match(await completed("run", "--runtime", "cr"), /^crun\t/);

    const refused = await daemon.command("rm", "kept");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /is running.*--force/s);
    const taken = await daemon.command("run", "-d", "--name", "kept", busyboxImage);
    assert.match(taken.stderr, /already/);
    await berth("stop", "kept");
    assert.equal(await berth("ps", "-q"), "");
    assert.match(await berth("ps", "-a"), /Exited\s+kept/);
    await berth("rm", "kept");
    assert.equal(await berth("ps", "-aq"), "");
  });

  test("create leaves the container to start, which runs it once", async () => {
    const id = (await berth("create", "--name", "later", busyboxImage, "sh", "-c", "echo started")).trim();
    assert.match(await berth("ps", "-a"), new RegExp(`^${id.slice(0, 13)}.*Created\\s+later`, "m"));
    assert.equal(await berth("start", "later"), "later\n");
    assert.equal(await berth("logs", "-f", "later"), "started\n");
    const again = await daemon.command("start", "later");
    assert.equal(again.code, 1);
    assert.match(again.stderr, /^berth: starting container later: /);
    await berth("rm", "-f", "later");
  });

  test("pods and containers from files, as crictl's users have them", async () => {
    const at = (name: string) => join(daemon.workspace.directory, name);
    const logs = join(daemon.workspace.logs, "from-files");
    writeFileSync(
      at("pod.yaml"),
      `metadata: {name: from-file, namespace: test}\nlog_directory: ${logs}\nlinux: {}\n`,
    );
    const container = {
      metadata: { name: "inside" },
      image: { image: busyboxImage },
      command: ["sh", "-c", "echo $GREETING"],
      envs: [{ key: "GREETING", value: "hello" }],
      log_path: "inside.log",
      linux: {},
    };
    writeFileSync(at("container.json"), JSON.stringify(container));
    const pod = (await berth("runp", at("pod.yaml"))).trim();
    assert.match(await berth("pods"), /Ready\s+from-file\s+test/);
    const created = await berth("create", pod.slice(0, 9), at("container.json"), at("pod.yaml"));
    await berth("start", created.trim().slice(0, 9));
    assert.equal(await berth("logs", "-f", created.trim()), "hello\n");
    await berth("rm", "-f", pod);
    rmSync(join(logs, "inside.log"));
    const both = (await berth("run", at("container.json"), at("pod.yaml"))).trim();
    assert.equal(await berth("logs", "-f", both), "hello\n");
    await berth("rm", "-f", "from-file");
    const wrong = await daemon.command("runp", at("container.json"));
    assert.match(wrong.stderr, /container\.json: there is no field "image"/);
  });

  test("logs -f goes on until the container ends", async () => {
    await berth(
      "run",
      "-d",
      "--name",
      "talker",
      busyboxImage,
      "sh",
      "-c",
      "for i in 1 2 3; do echo $i; sleep 0.3; done",
    );
    assert.equal(await berth("logs", "-f", "talker"), "1\n2\n3\n");
    await berth("rm", "-f", "talker");
  });

  test("volumes, user, working directory and read-only root are as asked for", async () => {
    const shared = daemon.workspace.logs;
    writeFileSync(join(shared, "seen"), "");
    const flags = ["-v", `${shared}:/shared:ro`, "-u", "guest", "-w", "/tmp", "--read-only"];
    const script = "id -u; id -G; pwd; ls /shared/seen; touch /x 2>&1";
    const ran = await daemon.command("run", "--rm", ...flags, busyboxImage, "sh", "-c", script);
    assert.equal(ran.stdout, "1000\n1000 100 50000\n/tmp\n/shared/seen\ntouch: /x: Read-only file system\n");
  });

  test("stats, update and events of what runs; stopp, rmp and rmi --prune", async () => {
    const config = daemon.workspace.configFile;
    const events = spawn(berthCommand, ["events", "--config", config, "-o", "json", "--pod", "^watched$"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let told = "";
    events.stdout.on("data", (chunk) => {
      told += chunk;
    });
    const ended = new Promise((resolve) => events.once("exit", resolve));
    try {
      // Whether the command listens yet shows by what it tells.
      await eventually("the first event", 20_000, async () => {
        await berth("run", "--rm", "--name", "watched", busyboxImage, "true");
        return told === "" ? undefined : true;
      });
      const script = "dd if=/dev/zero of=/filled bs=1M count=2 2>/dev/null; exec sleep 1000";
      const flags = ["-d", "--name", "watched", "-m", "64m"];
      const id = (await berth("run", ...flags, busyboxImage, "sh", "-c", script)).trim();
      const stats = await eventually("statistics of its disk", 20_000, async () => {
        const text = await berth("stats", "--no-stream", "-s", "100ms", "watched");
        return / 2\.\d+MB /.test(text) ? text : undefined;
      });
      assert.match(stats, new RegExp(`^${id.slice(0, 13)} +watched +watched +\\S+ +\\S+B +67\\.1MB +`, "m"));
      assert.match(await berth("statsp", "-s", "100ms"), /^\S+ +watched +default +\S+ +\S+B /m);
      const raw = JSON.parse(await berth("stats", "-o", "json", "watched"));
      assert.equal(raw.stats[0].attributes.id, id);
      await berth("update", "-m", "128m", "--cpus", "0.5", "--cpu-request", "0.25", "watched");
      const { status, info } = JSON.parse(await berth("inspect", "-o", "json", "watched"));
      assert.equal(status.resources.linux.memoryLimitInBytes, String(128 * 2 ** 20));
      const shares = join("/sys/fs/cgroup/cpu", info.cgroup, "cpu.shares");
      if (existsSync(shares)) writeFileSync(shares, "300");
      const shown = await berth("inspect", "watched");
      assert.match(shown, /^cpu limit +0\.5 cores$/m);
      assert.match(shown, /^memory limit +128Mi$/m);
      if (existsSync(shares)) assert.match(shown, /^cpu shares +300 \(asked for: 256\)$/m);
      await berth("update", "--cpus", "none", "watched");
      assert.match(await berth("inspect", "watched"), /^cpu limit +none$/m);
      assert.equal(await berth("stopp", "-t", "0", "watched"), "watched\n");
      assert.equal(await berth("rmp", "watched"), "watched\n");
      const parsed = await eventually("the last event", 10_000, async () => {
        const lines = told
          .split("\n")
          .slice(0, -1)
          .map((line) => JSON.parse(line));
        return lines.some(
          (at) => at.containerId === id && at.containerEventType === "CONTAINER_DELETED_EVENT",
        )
          ? lines
          : undefined;
      });
      const ofIt = parsed.filter((at) => at.containerId === id).map((at) => at.containerEventType);
      const names = ["CREATED", "STARTED", "STOPPED", "DELETED"].map((name) => `CONTAINER_${name}_EVENT`);
      assert.deepEqual(ofIt, names);
      await berth("rmi", "--prune");
      assert.equal(await berth("images", "-q"), "");
      await importBusybox(daemon);
    } finally {
      events.kill("SIGINT");
      assert.equal(await ended, 130);
    }
  });

  test("info and version; JSON and YAML hold the same", async () => {
    assert.match(await berth("version"), /^runtime\s+berth /m);
    assert.match(await berth("info"), /^RuntimeReady\s+yes$/m);
    const json = JSON.parse(await berth("images", "-o", "json"));
    const yaml = await berth("images", "-o", "yaml");
    assert.ok(yaml.includes(json.images[0].repoTags[0]));
  });

  test("errors say what was asked and what to do", async () => {
    const missing = await daemon.command("exec", "nobody", "true");
    assert.deepEqual([missing.code, missing.stdout], [125, ""]);
    assert.match(missing.stderr, /^berth: there is no container or pod "nobody"/);
    const absent = await daemon.command("run", "--rm", busyboxImage, "/no/such");
    assert.equal(absent.code, 125);
    assert.match(absent.stderr, /no such/i);
    assert.equal(await berth("pods", "-q"), "");
    assert.equal((await daemon.command("run")).code, 125);
    assert.equal((await daemon.command("stop")).code, 2);
    assert.equal((await daemon.command("stop", "nobody")).code, 4);
    assert.equal((await daemon.command("rmi", "nothing")).code, 4);
    const nowhere = await daemon.command("ps", "--endpoint", "/no/such.sock");
    assert.equal(nowhere.code, 3);
    assert.match(nowhere.stderr, /nobody answers at \/no\/such\.sock/);
  });

  test("who stops reading ends the command quietly, and so does an interrupt", async () => {
    const config = daemon.workspace.configFile;
    const piped = await daemon.inside(
      "bash",
      "-c",
      `${berthCommand} --config ${config} images -o json | head -c 1
      echo "\${PIPESTATUS[0]}" >&2`,
    );
    assert.deepEqual([piped.stdout, piped.stderr], ["{", "0\n"]);
    await berth(
      "run",
      "-d",
      "--name",
      "endless",
      busyboxImage,
      "sh",
      "-c",
      "trap 'exit 0' TERM; while :; do echo y; sleep 0.05; done",
    );
    const flood = await daemon.inside(
      "bash",
      "-c",
      `${berthCommand} --config ${config} logs -f endless | head -n 2
      echo "\${PIPESTATUS[0]}" >&2`,
    );
    assert.deepEqual([flood.stdout, flood.stderr], ["y\ny\n", "141\n"]);
    await berth("rm", "-f", "endless");
    const script = `${berthCommand} run --config ${config} --rm --name stopped ${busyboxImage} sh -c \
      'trap "exit 7" TERM; echo up; while :; do sleep 0.1; done' &
      until ${berthCommand} --config ${config} logs stopped 2>&1 | grep -q up; do sleep 0.1; done
      kill -INT $!; wait $!; echo "ended with $?"`;
    // bash -m: a job in the background heeds SIGINT only in a group of its own.
    const interrupted = await daemon.inside("bash", "-mc", script);
    assert.match(interrupted.stdout, /^up\nended with 7\n$/);
    assert.equal(await berth("pods", "-q"), "");
  });

  test("a second daemon on the same directories is refused", async () => {
    const second = await daemon.command("serve", "--socket", join(daemon.workspace.directory, "second.sock"));
    assert.notEqual(second.code, 0);
    assert.match(second.stderr + second.stdout, /another/i);
  });
});
