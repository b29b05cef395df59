import { execFileSync } from "node:child_process";
import { apparmorObstacle } from "../../src/linux/apparmor/kernel.ts";
import { privileged } from "./privileged.ts";

const obstacle = await apparmorObstacle();

/** For `describe` and `test`: everything here needs root, and a kernel that confines by AppArmor. */
export const withApparmor =
  obstacle === undefined
    ? privileged
    : { skip: `NOT RUN: ${obstacle}. \`make test-guest\` has one that does.` };

/** Has the kernel take a profile with these rules. */
export function loadProfile(name: string, rules: string): void {
  const text = `profile ${name} flags=(attach_disconnected) {\n${rules}\n}\n`;
  execFileSync("apparmor_parser", ["--replace", "--skip-cache"], { input: text });
}

/** Takes it from the kernel again; what runs under it is unconfined then. */
export function unloadProfile(name: string): void {
  execFileSync("apparmor_parser", ["--remove"], { input: `profile ${name} {}\n` });
}
