import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "../../base/fault.ts";
import type { ContainerUser } from "../state.ts";
import { exampleSecurity } from "./testing/example.ts";
import { containerUser, type UserRequest } from "./user.ts";
import { maxId, parseGroup, parsePasswd } from "./user-files.ts";

const users = {
  passwd: parsePasswd(
    "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\ntwin:x:1000:5::/:/\n",
  ),
  groups: parseGroup("root:x:0:\nwheel:x:10:root,app\napp:x:1001:\nextra:x:50000:app,other\n"),
};

test("the user comes from the config, else the image, else is root; groups by policy", () => {
  const cases: [Partial<UserRequest>, string, ContainerUser][] = [
    [{}, "", { uid: 0, gid: 0, supplementalGroups: [0, 10] }],
    [{}, "app", { uid: 1000, gid: 1001, supplementalGroups: [1001, 10, 50000] }],
    [{}, "1000", { uid: 1000, gid: 1001, supplementalGroups: [1001, 10, 50000] }],
    [{}, "app:extra", { uid: 1000, gid: 50000, supplementalGroups: [50000, 10] }],
    [{}, "app:7", { uid: 1000, gid: 7, supplementalGroups: [7, 10, 50000] }],
    [{}, "4242", { uid: 4242, gid: 0, supplementalGroups: [0] }],
    [{}, "4242:4343", { uid: 4242, gid: 4343, supplementalGroups: [4343] }],
    [{}, "app:", { uid: 1000, gid: 1001, supplementalGroups: [1001, 10, 50000] }],
    [{}, ":wheel", { uid: 0, gid: 10, supplementalGroups: [10] }],
    [{ runAsUser: 0 }, "app:extra", { uid: 0, gid: 0, supplementalGroups: [0, 10] }],
    [{ runAsUser: 1000, runAsGroup: 9 }, "", { uid: 1000, gid: 9, supplementalGroups: [9, 10, 50000] }],
    [
      { runAsUsername: "app", runAsUser: 5 },
      "",
      { uid: 1000, gid: 1001, supplementalGroups: [1001, 10, 50000] },
    ],
    [{ runAsUsername: "1000" }, "", { uid: 1000, gid: 1001, supplementalGroups: [1001, 10, 50000] }],
    [
      { runAsUser: 1000, supplementalGroups: [1234, 10] },
      "",
      { uid: 1000, gid: 1001, supplementalGroups: [1001, 1234, 10, 50000] },
    ],
    [
      { runAsUser: 1000, supplementalGroups: [1234], supplementalGroupsPolicy: "strict" },
      "",
      { uid: 1000, gid: 1001, supplementalGroups: [1001, 1234] },
    ],
  ];
  for (const [request, imageUser, expected] of cases) {
    const found = containerUser({ ...exampleSecurity, ...request }, imageUser, users);
    assert.deepEqual(found, expected, `${JSON.stringify(request)} ${imageUser}`);
  }
});

test("users that can't be found and ids out of range are refused, naming them", () => {
  const cases: [Partial<UserRequest>, string, RegExp][] = [
    [{}, "ghost", /no user "ghost"/],
    [{}, "app:ghosts", /no group "ghosts"/],
    [{}, "a:b:c", /user:group/],
    [{}, "2147483648", /2147483648/],
    [{}, "-1", /-1/],
    [{ runAsUsername: "ghost" }, "", /runAsUsername: the image has no user "ghost"/],
    [{ runAsUser: -1 }, "", /runAsUser: -1/],
    [{ runAsUser: 1.5 }, "", /runAsUser/],
    [{ runAsGroup: 5 }, "", /runAsGroup is 5, but neither/],
    [{ runAsUser: 1, runAsGroup: 2 ** 32 }, "", /runAsGroup/],
    [{ supplementalGroups: [-5] }, "", /supplementalGroups: -5/],
  ];
  for (const [request, imageUser, message] of cases) {
    assert.throws(
      () => containerUser({ ...exampleSecurity, ...request }, imageUser, users),
      (error) => isFault(error, "invalid") && message.test(error.message),
      `${JSON.stringify(request)} ${imageUser}`,
    );
  }
});

test("lines that are no entries are passed over", () => {
  const text =
    "# comment\n\n+::::::\n-bad\nshort:x:1\nneg:x:-1:0:::\nbig:x:99999999999:0:::\n a:x:1:2:::\r\n:x:1:1:::\n";
  assert.deepEqual(parsePasswd(text), [{ name: "a", uid: 1, gid: 2 }]);
  assert.deepEqual(parseGroup("g:x:5\ng:x:6: a , b ,\n+\n"), [
    { name: "g", gid: 5, members: [] },
    { name: "g", gid: 6, members: ["a", "b"] },
  ]);
});

const name = fc.stringMatching(/^[a-z_][a-z0-9_.-]{0,15}$/);
const plain = { noNullPrototype: true };
const id = fc.integer({ min: 0, max: maxId });

test("whatever the files hold, what is read of them is well-formed", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      for (const { name, uid, gid } of parsePasswd(text)) {
        assert.ok(
          name !== "" && Number.isInteger(uid) && uid >= 0 && uid <= maxId && gid >= 0 && gid <= maxId,
        );
      }
      for (const { name, members } of parseGroup(text)) assert.ok(name !== "" && !members.includes(""));
    }),
  );
});

test("entries are read back as they were written", () => {
  const passwd = fc.array(fc.record({ name, uid: id, gid: id }, plain));
  const groups = fc.array(fc.record({ name, gid: id, members: fc.array(name) }, plain));
  fc.assert(
    fc.property(passwd, groups, (users, groups) => {
      const passwdText = users.map(({ name, uid, gid }) => `${name}:x:${uid}:${gid}:,,:/:/bin/sh\n`).join("");
      const groupText = groups
        .map(({ name, gid, members }) => `${name}:!:${gid}:${members.join(",")}\n`)
        .join("");
      assert.deepEqual(parsePasswd(passwdText), users);
      assert.deepEqual(parseGroup(groupText), groups);
    }),
  );
});
