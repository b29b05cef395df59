/**
 * Runs critest in a guest, see `docs/conformance.md`: the binary, its list of images and a registry's data with these images
 * go along, and test/conformance/run.sh finds them in there. Settings come from the environment, and what the guest is like
 * from options, as for test/guest/run.ts.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startRegistry } from "../../src/registry/testing/docker-registry.ts";
import { Guest, guestDefaults } from "../guest/guest.ts";
import { guestFlags, guestOptions, quoted } from "../guest/options.ts";
import { runsDirectory } from "../guest/places.ts";

/** What critest pulls from; a registry may hold more. */
const needed = /^(e2e-test-images|k8s-staging-cri-tools)\/|^pause$/;
const logInGuest = "/run/berth-conformance.log";

const { values, positionals } = parseArgs({ allowPositionals: true, options: guestFlags });
const [critest = ""] = positionals;
/** critest prints nothing while a spec runs. */
const options = guestOptions(values, { ...guestDefaults, contents: "tests", silenceMs: 900_000 });
const { REGISTRY = "", IMAGES, HANDLERS, RUNTIME, DRIVER, FOCUS, SKIP, PARALLEL, LOG } = process.env;

process.once("SIGINT", () => process.exit(130)).once("SIGTERM", () => process.exit(143));
const files = mkdtempSync(join(runsDirectory, "berth-critest-"));
process.once("exit", () => rmSync(files, { recursive: true, force: true }));
cpSync(critest, join(files, "critest"));
if (IMAGES) cpSync(IMAGES, join(files, "images.yaml"));
if (HANDLERS) cpSync(HANDLERS, join(files, "handlers.toml"));
if (PARALLEL) cpSync(ginkgo(), join(files, "ginkgo"));
await takeImages(REGISTRY, join(files, "registry"));
process.exitCode = await runInGuest();

async function runInGuest(): Promise<number> {
  await using guest = await Guest.start({ ...options, files });
  const settings = {
    ...{ RUNTIME, DRIVER, FOCUS, SKIP, PARALLEL },
    REGISTRY_DATA: "/files/registry",
    ...(IMAGES ? { IMAGES: "/files/images.yaml" } : {}),
    ...(HANDLERS ? { HANDLERS: "/files/handlers.toml" } : {}),
    ...(LOG ? { LOG: logInGuest } : {}),
  };
  const set = Object.entries(settings).map(([name, value = ""]) => `${name}=${quoted(value)}`);
  const commandLine = `PATH=/files:$PATH ${set.join(" ")} test/conformance/run.sh /files/critest`;
  const code = await guest.run(commandLine, (text) => process.stdout.write(text));
  if (LOG) {
    const log: Buffer[] = [];
    await guest.run(`cat ${logInGuest}`, (text) => log.push(text));
    writeFileSync(LOG, Buffer.concat(log));
  }
  return code;
}

/** By which critest runs in parallel. */
function ginkgo(): string {
  return execFileSync("sh", ["-c", "command -v ginkgo"], { encoding: "utf8" }).trim();
}

/** Copies critest's images from a registry into the data of one that is to be. */
async function takeImages(source: string, storage: string): Promise<void> {
  await using registry = await startRegistry({ storage });
  const answer = await fetch(`http://${source}/v2/_catalog?n=1000`);
  const { repositories } = (await answer.json()) as { readonly repositories: readonly string[] };
  for (const repository of repositories.filter((name) => needed.test(name))) {
    const above = repository.split("/").slice(0, -1);
    const options = ["--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"];
    const fromTo = [`${source}/${repository}`, [registry.host, ...above].join("/")];
    const args = ["--insecure-policy", "sync", ...options, "--src=docker", "--dest=docker", ...fromTo];
    execFileSync("skopeo", args, { stdio: ["ignore", "ignore", "pipe"] });
  }
}
