import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type ContainerConfig, MountPropagation } from "../../src/wire/gen/runtime.v1.ts";
import { berthCommand, type CommandResult } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { exited, type MadePod, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { usersPodConfig } from "../harness/user-namespaces.ts";
import { directory, file } from "../images/busybox.ts";
import { writeOciArchive } from "../images/image.ts";

/** An image with one program, which only sleeps: no tar, no shell. */
const bareImage = "test.berth.example/bare:1";

describe("berth cp", privileged, () => {
  let daemon: TestDaemon;
  let pod: MadePod;
  let main: string;
  let volume: string;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "runc" });
    await importBusybox(daemon);
    const path = at("bare.tar");
    const layer = [
      directory("etc"),
      file("etc/plain", "of the image\n"),
      file("sleep", readFileSync("/bin/busybox"), 0o755),
    ];
    await writeOciArchive({ name: bareImage, layers: [layer], config: {} }, path);
    await daemon.berth.import({ path });
    pod = await runPod(daemon, "copies");
    writeFileSync(at("given"), "given");
    volume = at("volume");
    mkdirSync(volume);
    main = await runContainer(daemon, pod, withVolume(shellConfig("main", busyboxImage, "exec sleep 9999")));
  });

  after(() => endDaemon(daemon));

  const at = (name: string) => join(daemon.workspace.directory, name);

  const withVolume = (config: ContainerConfig): ContainerConfig => ({
    ...config,
    mounts: [
      {
        containerPath: "/volume",
        hostPath: volume,
        readonly: false,
        selinuxRelabel: false,
        propagation: MountPropagation.PROPAGATION_PRIVATE,
        uidMappings: [],
        gidMappings: [],
        recursiveReadOnly: false,
        image: undefined,
        imageSubPath: "",
        mountOptions: [],
      },
    ],
  });

  async function cp(...args: readonly string[]): Promise<CommandResult> {
    const ran = await daemon.command("cp", ...args);
    assert.equal(ran.code, 0, `berth cp ${args.join(" ")}: ${ran.stderr}\n${daemon.logTail()}`);
    return ran;
  }

  async function refused(words: RegExp, ...args: readonly string[]): Promise<void> {
    const { code, stderr } = await daemon.command("cp", ...args);
    assert.notEqual(code, 0, args.join(" "));
    assert.match(stderr, words);
  }

  async function exec(script: string): Promise<string> {
    const cmd = ["/bin/sh", "-c", script];
    const answer = await daemon.pods.execSync({ containerId: main, cmd, timeout: 20n });
    assert.equal(answer.exitCode, 0, answer.stderr.toString());
    return answer.stdout.toString();
  }

  test("files and directories both ways, with their modes; what is made is the container's root's, or one's own", async () => {
    const tree = at("tree");
    mkdirSync(join(tree, "sub"), { recursive: true });
    const content = randomBytes(20_000_000);
    writeFileSync(join(tree, "sub/large"), content);
    writeFileSync(join(tree, "script"), "#!/bin/sh\n", { mode: 0o751 });
    chownSync(join(tree, "script"), 1000, 33);
    symlinkSync("sub/large", join(tree, "link"));
    await cp(tree, "main:/tmp/new");
    await cp(`${tree}/.`, "main:/volume");
    await cp("-a", join(tree, "script"), "main:/tmp/");
    const hash = createHash("sha256").update(content).digest("hex");
    const shown = await exec(
      "cd /tmp; sha256sum new/link; stat -c '%n %a %u:%g' new/script script; ls /volume",
    );
    assert.deepEqual(shown.trim().split("\n"), [
      `${hash}  new/link`,
      "new/script 751 0:0",
      "script 751 1000:33",
      "link",
      "script",
      "sub",
    ]);
    assert.ok(readFileSync(join(volume, "sub/large")).equals(content), "through the volume's mount");

    await exec("chown -R 33:33 /tmp/new; chmod 4711 /tmp/new/script");
    await cp("main:/tmp/new", at("back"));
    await cp("-a", "main:/tmp/new", at("owned"));
    await cp("-L", "main:/tmp/new/link", at("followed"));
    assert.ok(readFileSync(at("back/sub/large")).equals(content));
    assert.ok(readFileSync(at("followed")).equals(content));
    assert.equal(readlinkSync(at("back/link")), "sub/large");
    const look = (path: string) => {
      const { mode, uid } = statSync(at(path));
      return [(mode & 0o7777).toString(8), uid];
    };
    assert.deepEqual(look("back/script"), ["711", 0]);
    assert.deepEqual(look("owned/script"), ["4711", 33]);
  });

  test("a tar on standard input and output", async () => {
    const config = ["--config", daemon.workspace.configFile];
    const tar = await new Promise<Buffer>((resolve, reject) => {
      const options = { encoding: "buffer", maxBuffer: 64 << 20 } as const;
      execFile(berthCommand, ["cp", ...config, "main:/www", "-"], options, (error, stdout) =>
        error === null ? resolve(stdout) : reject(error),
      );
    });
    const list = execFileSync("tar", ["-t"], { input: tar, encoding: "utf8" });
    assert.equal(list, "www/\nwww/index.html\n");
    await exec("mkdir /tmp/in");
    const child = execFile(berthCommand, ["cp", ...config, "-", "main:/tmp/in"]);
    child.stdin?.end(tar);
    assert.equal(await new Promise((resolve) => child.once("exit", resolve)), 0);
    assert.equal(await exec("cat /tmp/in/www/index.html"), "hello from berth\n");
  });

  test("a container without any program to help, before its start and after its end", async () => {
    const config = { ...shellConfig("bare", bareImage, ""), command: ["/sleep", "sleep", "9999"] };
    const { containerId } = await daemon.pods.createContainer({
      podSandboxId: pod.id,
      config: withVolume(config),
      sandboxConfig: pod.config,
    });
    await cp(at("given"), "bare:/etc/first");
    await daemon.pods.startContainer({ containerId });
    await cp("bare:/etc", at("etc"));
    assert.equal(readFileSync(at("etc/plain"), "utf8"), "of the image\n");
    assert.equal(readFileSync(at("etc/first"), "utf8"), "given");
    await daemon.pods.stopContainer({ containerId, timeout: 0n });
    await exited(daemon, containerId);
    await cp(at("given"), "bare:/etc/plain");
    const rootfs = join(daemon.workspace.state, "containers", containerId, "rootfs");
    const { code, stderr } = await daemon.inside("umount", rootfs); // as a reboot would
    assert.equal(code, 0, stderr);
    await cp("bare:/etc/plain", at("last"));
    assert.equal(readFileSync(at("last"), "utf8"), "given");
    await refused(
      /lies in a volume, which is there only while the container runs/,
      "bare:/volume/x",
      at("x"),
    );
  });

  test("no link leads out of the container, no device is opened, and what can't be is told", async () => {
    const secret = at("secret");
    writeFileSync(secret, "the node's");
    await exec(
      `ln -s ${daemon.workspace.directory} /tmp/out; ln -s ../../../../..${secret} /tmp/up; mkfifo /tmp/fifo`,
    );
    await exec(
      "mkdir /tmp/odd; mknod /tmp/odd/disk b 7 0; ln -s /proc/1/root /tmp/root; echo x > /tmp/odd/file",
    );
    for (const path of ["/tmp/out/secret", "/tmp/up", "/proc/1/root/etc/passwd", "/tmp/root/etc/passwd"])
      await refused(/^berth: copying main:.*: reading /, "-L", `main:${path}`, at("stolen"));
    for (const path of ["/tmp/out/secret", "/tmp/root/etc/passwd"])
      await refused(/^berth: copying /, at("given"), `main:${path}`);
    assert.equal(readFileSync(secret, "utf8"), "the node's");
    assert.ok(!existsSync(at("stolen")));
    const odd = await cp("main:/tmp/odd", at("odd"));
    assert.match(odd.stderr, /^berth: \/odd\/disk is a device: left out$/m);
    assert.ok(lstatSync(at("odd/file")).isFile() && !existsSync(at("odd/disk")));
    await refused(/there is no directory \/no/, at("given"), "main:/no/where");
    await refused(/main:\/absent to .*: reading \/absent.*ENOENT/s, "main:/absent", at("x"));
    await refused(/there is no container/, "nobody:/etc/passwd", at("x"));
    await refused(/one side is a place in a container/, "main:/a", "main:/b");
    await refused(/one side is a place in a container/, at("given"), at("x"));
    await refused(/reading .*\/absent/, at("absent"), "main:/tmp");
  });

  test("a container may not trick a copy into its own directory's neighbours on this machine", async () => {
    const [inside, beside] = [at("inside"), at("beside")];
    for (const path of [inside, beside]) mkdirSync(path);
    symlinkSync(beside, join(inside, "link"));
    await exec("mkdir -p /tmp/trick/link; echo evil > /tmp/trick/link/file");
    await refused(
      /link leads through a symbolic link: nothing is written there/,
      "main:/tmp/trick/.",
      inside,
    );
    assert.ok(!existsSync(join(beside, "file")));
  });

  test("in a user namespace files belong to its users, running or ended", async () => {
    const hostId = 1_200_000_000;
    const users = await runPod(daemon, "users", usersPodConfig(daemon, "users", hostId));
    const id = await runContainer(daemon, users, shellConfig("mapped", busyboxImage, "exec sleep 9999"));
    writeFileSync(at("mine"), "mine", { mode: 0o640 });
    chownSync(at("mine"), 1000, 33);
    const look = "stat -c '%n %a %u:%g' /tmp/plain /tmp/kept";
    await cp(at("mine"), "mapped:/tmp/plain");
    await cp("-a", at("mine"), "mapped:/tmp/kept");
    const { stdout } = await daemon.pods.execSync({ containerId: id, cmd: ["sh", "-c", look], timeout: 20n });
    assert.equal(stdout.toString(), "/tmp/plain 640 0:0\n/tmp/kept 640 1000:33\n");
    const owners = async (target: string) => {
      await cp("-a", "mapped:/tmp", at(target));
      return ["plain", "kept"].map((name) => statSync(join(at(target), name)).uid);
    };
    assert.deepEqual(await owners("running"), [0, 1000]);
    await daemon.pods.stopContainer({ containerId: id, timeout: 0n });
    await exited(daemon, id);
    await cp("-a", at("mine"), "mapped:/tmp/plain");
    assert.deepEqual(await owners("ended"), [1000, 1000]);
  });

  test("a root file system that is read-only stays so", async () => {
    const readonly = { linux: { securityContext: { readonlyRootfs: true } } };
    await runContainer(daemon, pod, shellConfig("fixed", busyboxImage, "exec sleep 9999", readonly));
    await refused(/EROFS/, at("given"), "fixed:/etc/given");
    await cp(at("given"), "fixed:/dev/shm/given");
  });
});
