import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { isFault } from "../base/fault.ts";
import { hostProcesses } from "../linux/processes.ts";
import { CredentialFile } from "./credential-file.ts";
import { CredentialSources } from "./credential-sources.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-credentials-"));
after(() => rmSync(directory, { recursive: true }));
const own = join(directory, "own.json");
const docker = join(directory, "config.json");
const containers = join(directory, "auth.json");
const bin = join(directory, "bin");
mkdirSync(bin);
const signal = new AbortController().signal;

const sources = new CredentialSources(
  { own, others: [docker, containers] },
  {
    processes: hostProcesses(),
    path: `${bin}:/usr/bin:/bin`,
    env: { HOME: "/home/x", AWS_REGION: "eu-1", BERTH_SECRET: "not-for-helpers" },
  },
);

const pair = (text: string) => ({ auth: Buffer.from(text).toString("base64") });
function write(file: string, content: object, mode = 0o600): void {
  writeFileSync(file, JSON.stringify(content));
  chmodSync(file, mode);
}
function helper(name: string, script: string): void {
  writeFileSync(join(bin, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** `user:password` or the token, and where it was found. */
async function look(registry: string, repository = "a/b"): Promise<[string, string | undefined, string[]]> {
  const { credential, from, problems } = await sources.find(registry, repository, signal);
  const shown =
    credential === undefined
      ? "none"
      : credential.kind === "basic"
        ? `${credential.username}:${credential.password.reveal()}`
        : `${credential.kind} ${credential.token.reveal()}`;
  return [shown, from, [...problems]];
}

beforeEach(() => {
  for (const file of [own, docker, containers]) rmSync(file, { force: true });
});

test("berth's own file comes first, then the others; the longest path of an entry wins", async () => {
  assert.deepEqual(await look("r.example"), ["none", undefined, []]);
  write(containers, {
    auths: { "r.example": pair("host:1"), "r.example/a": pair("path:2"), "r.example/a/b": pair("exact:3") },
  });
  assert.deepEqual(await look("r.example"), ["exact:3", `${containers} (r.example/a/b)`, []]);
  assert.equal((await look("r.example", "a/other"))[0], "path:2");
  assert.equal((await look("r.example", "ab"))[0], "host:1");
  write(docker, { auths: { "https://r.example/v1/": pair("docker:4") } });
  assert.equal((await look("r.example"))[0], "docker:4");
  write(own, { auths: { "r.example": { auth: "", identitytoken: "tok" } } });
  assert.deepEqual(await look("r.example"), ["identityToken tok", `${own} (r.example)`, []]);
  assert.equal((await look("other.example"))[0], "none");
});

test("berth's own file is not used when others can read it, one that is broken is told of, and the next is asked", async () => {
  write(own, { auths: { "r.example": pair("own:1") } }, 0o640);
  writeFileSync(docker, '{"auths": s3cret');
  write(containers, { auths: { "r.example": pair("last:1") } });
  const [found, , problems] = await look("r.example");
  assert.equal(found, "last:1");
  assert.equal(problems.length, 2);
  assert.match(problems[0] ?? "", /own\.json: others can read .*chmod 0600/);
  assert.match(problems[1] ?? "", /config\.json: it is not JSON/);
});

test("helpers are asked as Docker does, and know little of this daemon", async () => {
  helper(
    "shows",
    `read server; env >"${directory}/seen"; printf '{"ServerURL":"%s","Username":"u","Secret":"%s"}' "$server" "$server"`,
  );
  helper("token", `echo '{"Username":"<token>","Secret":"refresh"}'`);
  helper("nothing", "echo credentials not found in native keychain; exit 1");
  helper("broken", "echo s3cret-from-helper; exit 3");
  helper("garbage", "echo s3cret-from-helper");
  helper("large", "head -c 100000 /dev/zero");
  write(docker, {
    auths: { "s.example": {} },
    credHelpers: {
      "t.example": "token",
      "n.example": "nothing",
      "b.example": "broken",
      "g.example": "garbage",
      "m.example": "missing",
      "l.example": "large",
    },
    credsStore: "shows",
  });
  write(containers, { auths: { "b.example": pair("next:1") } });
  assert.deepEqual(await look("s.example"), [
    "u:s.example",
    `docker-credential-shows, named in ${docker}`,
    [],
  ]);
  const seen = readFileSync(join(directory, "seen"), "utf8");
  assert.match(seen, /^AWS_REGION=eu-1$/m);
  assert.doesNotMatch(seen, /BERTH_SECRET/);
  assert.equal((await look("docker.io"))[0], "u:https://index.docker.io/v1/");
  assert.equal((await look("t.example"))[0], "identityToken refresh");
  assert.equal((await look("n.example"))[0], "u:n.example", "the store is asked when the helper has nothing");
  const [next, , problems] = await look("b.example");
  assert.equal(next, "next:1");
  assert.match(problems.join(), /docker-credential-broken ends with 3/);
  for (const [registry, said] of [
    ["g.example", /answers with what is no credential/],
    ["m.example", /docker-credential-missing/],
    ["l.example", /docker-credential-large answers with more than 65536 bytes/],
  ] as const) {
    const [found, , told] = await look(registry);
    assert.equal(found, "none");
    assert.match(told.join(), said);
  }
  assert.doesNotMatch(`${problems}${await look("g.example")}`, /s3cret/);
});

test("a helper that never ends is ended with the call", async () => {
  helper("slow", "sleep 600");
  write(docker, { credHelpers: { "slow.example": "slow" } });
  const late = AbortSignal.timeout(200);
  await assert.rejects(sources.find("slow.example", "a", late), (error) => isFault(error, "deadline"));
});

test("what is logged in is kept for root alone, and leaves the rest of the file as it was", async () => {
  const file = new CredentialFile(own);
  await file.store("r.example/team", { username: "me", password: "p:w" }, signal);
  assert.equal(statSync(own).mode & 0o777, 0o600);
  assert.equal((await look("r.example", "team/app"))[0], "me:p:w");
  assert.equal((await look("r.example", "other"))[0], "none");
  const before = JSON.parse(readFileSync(own, "utf8")) as object;
  write(own, { ...before, credHelpers: { "x.example": "y" }, more: [1] });
  await file.store("https://R.example/v2/", { identityToken: "tok" }, signal);
  await file.store("docker.io", { username: "hub", password: "1" }, signal);
  await file.store("index.docker.io", { username: "hub", password: "2" }, signal);
  assert.deepEqual(Object.keys((JSON.parse(readFileSync(own, "utf8")) as { auths: object }).auths), [
    "r.example/team",
    "r.example",
    "docker.io",
  ]);
  assert.equal((await look("docker.io"))[0], "hub:2");
  assert.equal(await file.remove("r.example", signal), true);
  assert.equal(await file.remove("r.example", signal), false);
  assert.equal((await look("r.example", "team/app"))[0], "me:p:w");
  assert.deepEqual((JSON.parse(readFileSync(own, "utf8")) as { more: unknown }).more, [1]);
  writeFileSync(own, "broken");
  await assert.rejects(file.store("r.example", { username: "a" }, signal), (error) =>
    isFault(error, "invalid"),
  );
  assert.equal(readFileSync(own, "utf8"), "broken");
});
