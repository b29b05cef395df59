import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { ociSeccomp, type SeccompContext, withListener } from "./seccomp.ts";
import { parseSeccompProfile } from "./seccomp-profile.ts";

const context: SeccompContext = {
  capabilities: ["CAP_CHOWN"],
  host: { architecture: "amd64", kernel: { major: 5, minor: 10 } },
};
const read = (profile: unknown) => parseSeccompProfile(JSON.stringify(profile), "/p.json");
const allowed = (syscalls: unknown[], changes: Partial<SeccompContext> = {}) =>
  ociSeccomp(read({ defaultAction: "SCMP_ACT_ERRNO", syscalls }), {
    ...context,
    ...changes,
  }).syscalls?.flatMap((rule) => rule.names);
const rule = (name: string, more: object = {}) => ({ names: [name], action: "SCMP_ACT_ALLOW", ...more });

test("rules depend on capabilities, architecture and kernel", () => {
  const syscalls = [
    rule("always", { args: null, includes: null, excludes: {} }),
    rule("has-chown", { includes: { caps: ["CAP_CHOWN"] } }),
    rule("has-both", { includes: { caps: ["CAP_CHOWN", "CAP_SYS_ADMIN"] } }),
    rule("lacks-chown", { excludes: { caps: ["CAP_CHOWN"] } }),
    rule("on-amd64", { includes: { arches: ["amd64", "x32"] } }),
    rule("not-on-amd64", { excludes: { arches: ["amd64"] } }),
    rule("since-4.8", { includes: { minKernel: "4.8" } }),
    rule("since-5.11", { includes: { minKernel: "5.11.3" } }),
    rule("before-5.10", { excludes: { minKernel: "5.10" } }),
    { name: "old-form", action: "SCMP_ACT_ALLOW" },
    { names: [], action: "SCMP_ACT_ALLOW" },
  ];
  assert.deepEqual(allowed(syscalls), ["always", "has-chown", "on-amd64", "since-4.8", "old-form"]);
  assert.deepEqual(
    allowed(syscalls, { capabilities: [], host: { architecture: "arm64", kernel: { major: 4, minor: 7 } } }),
    ["always", "lacks-chown", "not-on-amd64", "before-5.10", "old-form"],
  );
});

test("the filter keeps what the profile says, and only that", () => {
  const profile = {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    defaultErrno: "ENOSYS",
    archMap: [
      { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] },
      { architecture: "SCMP_ARCH_ARM" },
    ],
    flags: ["SECCOMP_FILTER_FLAG_LOG"],
    syscalls: [
      { names: ["a", "b"], action: "SCMP_ACT_ERRNO", errnoRet: 1, errno: "EPERM", comment: "why", args: [] },
      {
        names: ["c"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 0, value: 4294967295, valueTwo: 1, op: "SCMP_CMP_MASKED_EQ" }],
      },
    ],
  };
  assert.deepEqual(ociSeccomp(read(profile), context), {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    flags: ["SECCOMP_FILTER_FLAG_LOG"],
    syscalls: [
      { names: ["a", "b"], action: "SCMP_ACT_ERRNO", errnoRet: 1 },
      {
        names: ["c"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 0, value: 4294967295, valueTwo: 1, op: "SCMP_CMP_MASKED_EQ" }],
      },
    ],
  });
});

test("malformed profiles are refused, naming the file and the field", () => {
  const cases: [string, RegExp][] = [
    ["", /p\.json is not JSON/],
    ["[]", /p\.json is malformed/],
    ["{}", /defaultAction/],
    ['{"defaultAction":"SCMP_ACT_NOPE"}', /defaultAction/],
    [
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":"x","action":"SCMP_ACT_ALLOW"}]}',
      /syscalls\.0\.names/,
    ],
    [
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"x","names":["y"],"action":"SCMP_ACT_ALLOW"}]}',
      /both name/,
    ],
    [
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["x"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]}]}',
      /args\.0\.value/,
    ],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseSeccompProfile(text, "/p.json"),
      (error) => isFault(error, "invalid") && message.test(error.message),
      text,
    );
  }
});

const packaged = "/usr/share/containers/seccomp.json";

test("the packaged default profile is read", {
  skip: !existsSync(packaged) && `NOT RUN: no ${packaged}`,
}, () => {
  const profile = parseSeccompProfile(readFileSync(packaged, "utf8"), packaged);
  const names = (capabilities: string[]) =>
    ociSeccomp(profile, { ...context, capabilities })
      .syscalls?.filter((rule) => rule.action === "SCMP_ACT_ALLOW" && rule.args === undefined)
      .flatMap((rule) => rule.names) ?? [];
  assert.ok(names([]).includes("openat2"));
  assert.ok(!names([]).includes("open_by_handle_at"));
  assert.ok(names(["CAP_DAC_READ_SEARCH"]).includes("open_by_handle_at"));
});

test("what is refused with EPERM by name is left to a listener, and nothing else", () => {
  const rule = (name: string, action: string, errnoRet?: number) => ({
    names: [name],
    action,
    ...(errnoRet === undefined ? {} : { errnoRet }),
  });
  const syscalls = [
    rule("read", "SCMP_ACT_ALLOW"),
    rule("swapoff", "SCMP_ACT_ERRNO", 1),
    rule("swapon", "SCMP_ACT_ERRNO"),
    rule("clone3", "SCMP_ACT_ERRNO", 38),
  ];
  const filter = { defaultAction: "SCMP_ACT_ERRNO", syscalls };
  const listener = { path: "/run/x.sock", metadata: "log abc" };
  assert.deepEqual(withListener(filter, listener), {
    defaultAction: "SCMP_ACT_ERRNO",
    listenerPath: "/run/x.sock",
    listenerMetadata: "log abc",
    syscalls: [
      syscalls[0],
      rule("swapoff", "SCMP_ACT_NOTIFY"),
      rule("swapon", "SCMP_ACT_NOTIFY"),
      syscalls[3],
    ],
  });
  assert.throws(
    () => withListener({ ...filter, syscalls: [] }, listener),
    (error) => isFault(error, "invalid") && /refuses no system call by name/.test(error.message),
  );
});
