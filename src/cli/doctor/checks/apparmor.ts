import { execFile } from "node:child_process";
import type { Ms } from "../../../base/units.ts";
import { ownProfile, profileSurroundings, profileText } from "../../../linux/apparmor/default-profile.ts";
import { apparmorObstacle, readLabel, readLoadedProfiles } from "../../../linux/apparmor/kernel.ts";
import { isLoadedAs } from "../../../linux/apparmor/loaded-policy.ts";
import { findParser } from "../../../linux/apparmor/parser.ts";
import { type Finding, note, ok, problem, warning } from "../finding.ts";
import type { NodeView } from "../node-view.ts";

const parseWithin: Ms = 5000;
const maxPolicy = 1 << 22;
const withoutProfile = "containers run without a profile, and those that ask for one can't be created";
const reload = "systemctl reload berth (HUP) has it loaded anew";

/** Whether containers are confined: the kernel, the parser, the profile that they get, and what confines the daemon. */
export async function checkApparmor(node: NodeView): Promise<Finding[]> {
  const { enable, profile } = node.config.apparmor;
  if (!enable) return [note("AppArmor is not used", "the setting is apparmor.enable")];
  const obstacle = await apparmorObstacle();
  if (obstacle !== undefined) return [withoutApparmor(obstacle)];
  if (process.geteuid?.() !== 0)
    return [note("loaded profiles were not looked at, as only root may", "", "sudo berth doctor apparmor")];
  const pid = node.daemon.kind === "berth" ? node.daemon.pid : undefined;
  return [
    ...(await daemonFindings(pid)),
    ...(profile === "unconfined"
      ? [note("containers have no AppArmor profile but what they ask for", "the setting is apparmor.profile")]
      : profile === ownProfile
        ? await ownFindings(node, pid)
        : [await namedFinding(profile)]),
  ];
}

function withoutApparmor(obstacle: string): Finding {
  if (!obstacle.startsWith("securityfs")) return note(`no AppArmor: ${obstacle}`);
  return warning(
    `AppArmor is on, but ${obstacle}`,
    withoutProfile,
    "mount -t securityfs securityfs /sys/kernel/security",
  );
}

async function daemonFindings(pid: number | undefined): Promise<Finding[]> {
  const label = pid === undefined ? undefined : await readLabel(pid);
  if (label === undefined || label === "unconfined") return [];
  const why =
    "its profile has to allow change_profile, mounts, and signals to containers; it may hinder whatever they need";
  return [note(`berth itself runs under the AppArmor profile ${label}`, why)];
}

/** A profile of the operator's. */
async function namedFinding(name: string): Promise<Finding> {
  const mode = (await readLoadedProfiles()).get(name);
  if (mode !== undefined) return loadedFinding(name, mode);
  return problem(
    `the AppArmor profile ${name} is not loaded`,
    "the setting apparmor.profile names it: containers that ask for nothing can't be created",
    "apparmor_parser --replace FILE; or set another",
  );
}

function loadedFinding(name: string, mode: string): Finding {
  if (mode === "enforce" || mode === "kill")
    return ok(`containers run under the AppArmor profile ${name} (${mode})`);
  return warning(
    `the AppArmor profile ${name} is in mode ${mode}`,
    "it forbids containers nothing",
    "aa-enforce FILE, or load it anew",
  );
}

async function ownFindings({ config }: NodeView, pid: number | undefined): Promise<Finding[]> {
  const parser = await findParser(config.runtime.path);
  if (parser === undefined)
    return [
      warning(
        `there is no apparmor_parser in ${config.runtime.path}`,
        withoutProfile,
        "apt install apparmor",
      ),
    ];
  const mode = (await readLoadedProfiles()).get(ownProfile);
  const compiled = await compile(parser, profileText(await profileSurroundings(pid ?? "self")));
  if (typeof compiled === "string") {
    const what = `${parser} doesn't take berth's profile: ${compiled}`;
    return [
      problem(
        what,
        "no container that isn't privileged can be created",
        "install the newest package apparmor",
      ),
    ];
  }
  if (mode === undefined && pid === undefined)
    return [ok(`${ownProfile}, the AppArmor profile of containers, will be loaded by the daemon`)];
  if (mode === undefined) {
    const why = "its containers that run are not confined; the next one has it loaded again";
    return [warning(`the AppArmor profile ${ownProfile} is not loaded`, why, reload)];
  }
  const isSame = pid === undefined ? undefined : await isLoadedAs(ownProfile, compiled);
  if (isSame !== false) return [loadedFinding(ownProfile, mode)];
  const what = `the AppArmor profile ${ownProfile} is not as berth makes it`;
  return [warning(what, "somebody, or another version of berth, loaded another of that name", reload)];
}

/** The policy that the kernel would get, or what the parser says. */
function compile(parser: string, text: string): Promise<Uint8Array | string> {
  return new Promise((resolve) => {
    const args = ["--skip-kernel-load", "--skip-cache", "--stdout"];
    const options = { timeout: parseWithin, maxBuffer: maxPolicy, encoding: "buffer" } as const;
    const child = execFile(parser, args, options, (error, stdout, stderr) => {
      resolve(
        error === null
          ? stdout
          : stderr
              .toString()
              .trim()
              .replaceAll(/\s*\n\s*/g, "; ") || error.message,
      );
    });
    child.stdin?.on("error", () => undefined).end(text);
  });
}
