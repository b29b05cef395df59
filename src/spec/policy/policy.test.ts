import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "../../base/fault.ts";
import { parseReference } from "../reference.ts";
import { parsePolicy } from "./policy.ts";
import { requirementsFor, scopesOf } from "./policy-scope.ts";

const parse = (value: unknown) => parsePolicy(JSON.stringify(value), "/p.json");
const accept = [{ type: "insecureAcceptAnything" }];
const reject = [{ type: "reject" }];

test("a policy as its manual page shows it is read whole", () => {
  const identity = { type: "exactRepository", dockerRepository: "vendor.example/product/repository" };
  const policy = parse({
    default: reject,
    transports: {
      docker: {
        "docker.io/openshift": accept,
        "hostname:5000/myns/signed": [{ type: "sigstoreSigned", keyPath: "/key.pub" }],
        "hostname:5000/vendor": [
          { type: "signedBy", keyType: "GPGKeys", keyPaths: ["/a.gpg", "/b.gpg"], signedIdentity: identity },
          { type: "sigstoreSigned", keyDatas: ["YQ==", "Yg=="], rekorPublicKeyData: "Yw==" },
        ],
      },
      dir: { "": accept },
      atomic: {
        "hostname:5000/x": [{ type: "signedBaseLayer", baseLayerIdentity: { type: "matchExact" } }],
      },
    },
  });
  const identityOfRepository = { type: "matchRepoDigestOrExact" };
  const [a, b, c] = ["a", "b", "c"].map((text) => Buffer.from(text));
  assert.deepEqual(requirementsFor(policy, parseReference("hostname:5000/vendor/x:1")).requirements, [
    { type: "signedBy", keys: { paths: ["/a.gpg", "/b.gpg"] }, identity },
    { type: "sigstoreSigned", keys: { data: [a, b] }, rekor: { data: [c] }, identity: identityOfRepository },
  ]);
  assert.deepEqual(
    requirementsFor(policy, parseReference(`hostname:5000/myns/signed@sha256:${"a".repeat(64)}`)),
    {
      path: 'transports.docker["hostname:5000/myns/signed"]',
      scope: "hostname:5000/myns/signed",
      requirements: [
        {
          type: "sigstoreSigned",
          keys: { paths: ["/key.pub"] },
          rekor: undefined,
          identity: identityOfRepository,
        },
      ],
    },
  );
});

test("what berth does not support is known, and met by nothing", () => {
  const what = (requirement: object) => parse({ default: [requirement] }).default;
  assert.deepEqual(
    what({ type: "sigstoreSigned", fulcio: { caPath: "/ca", oidcIssuer: "x" }, rekorPublicKeyPath: "/r" }),
    [{ type: "unsupported", what: "fulcio" }],
  );
  assert.deepEqual(what({ type: "sigstoreSigned", pki: { caRootsPath: "/ca" } }), [
    { type: "unsupported", what: "pki" },
  ]);
  assert.deepEqual(what({ type: "signedBy", keyType: "X509Certificates", keyPath: "/k" }), [
    { type: "unsupported", what: 'keyType "X509Certificates"' },
  ]);
});

test("mistakes are told with file and key, and nothing is passed over", () => {
  const key = { type: "sigstoreSigned", keyPath: "/k" };
  const gpg = { type: "signedBy", keyType: "GPGKeys", keyPath: "/k" };
  const inDocker = (scope: string, ...requirements: unknown[]) => ({
    default: accept,
    transports: { docker: { [scope]: requirements } },
  });
  const cases: [unknown, RegExp][] = [
    [{}, /malformed: default: is missing/],
    [{ default: [] }, /default: is empty/],
    [{ default: accept, defaults: [] }, /defaults: is not known/],
    [inDocker("quay.io/ns"), /transports\.docker\["quay\.io\/ns"\]: is empty/],
    [inDocker("h", { type: "signedBye" }), /docker\.h\[0\]\.type: is not \(/],
    [inDocker("h", accept[0], { ...key, keypath: "/x" }), /docker\.h\[1\]\.keypath: is not known/],
    [inDocker("h", { ...key, keyData: "YQ==" }), /docker\.h\[0\]: has not exactly one of keyPath, /],
    [
      inDocker("h", { type: "sigstoreSigned" }),
      /has not exactly one of keyPath, keyPaths, keyData, keyDatas, fulcio, pki/,
    ],
    [inDocker("h", { ...key, keyPath: "k" }), /keyPath: is not an absolute path/],
    [inDocker("h", { type: "sigstoreSigned", keyData: "?" }), /keyData: is not base64/],
    [inDocker("h", { ...key, rekorPublicKeyPath: "/a", rekorPublicKeyData: "YQ==" }), /in more than one way/],
    [inDocker("h", { ...gpg, keyType: "GPG" }), /keyType: is not \(/],
    [inDocker("h", { ...gpg, signedIdentity: { type: "matchExactly" } }), /signedIdentity\.type: is not \(/],
    [
      inDocker("h", { ...gpg, signedIdentity: { type: "exactReference", dockerReference: "a/b" } }),
      /no image reference with a tag/,
    ],
    [
      inDocker("h", {
        ...gpg,
        signedIdentity: { type: "remapIdentity", prefix: "a:b/c", signedPrefix: "a" },
      }),
      /no host or repository/,
    ],
  ];
  for (const [value, why] of cases) {
    assert.throws(
      () => parse(value),
      (error) => isFault(error, "invalid") && why.test(error.message),
      `${why}`,
    );
  }
  assert.throws(
    () => parsePolicy('{"default":[{"type":"reject"}],"default":[]}', "/p"),
    /is not JSON: the key "default" is there twice/,
  );
  assert.throws(() => parsePolicy("{default: 1}", "/p"), /the policy \/p is not JSON/);
});

test("whatever a policy holds, it is read or refused", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        parsePolicy(text, "/p");
      } catch (error) {
        assert.ok(isFault(error, "invalid"), String(error));
      }
    }),
    { numRuns: 300 },
  );
});

test("the narrowest scope counts, as containers/image has them", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  assert.deepEqual(scopesOf(parseReference("reg.example.com:8443/ns/app:1")), [
    "reg.example.com:8443/ns/app:1",
    "reg.example.com:8443/ns/app",
    "reg.example.com:8443/ns",
    "reg.example.com:8443",
    "*.example.com",
    "*.com",
  ]);
  assert.deepEqual(scopesOf(parseReference(`busybox:1@${digest}`)).slice(0, 4), [
    `docker.io/library/busybox@${digest}`,
    "docker.io/library/busybox",
    "docker.io/library",
    "docker.io",
  ]);
  const policy = parse({ default: reject, transports: { docker: { "": accept, "quay.io": reject } } });
  assert.deepEqual(requirementsFor(policy, parseReference("a.example/x")).path, 'transports.docker[""]');
  assert.deepEqual(requirementsFor(policy, parseReference("quay.io/x")).path, 'transports.docker["quay.io"]');
  assert.equal(requirementsFor(parse({ default: reject }), parseReference("x")).path, "default");
});

test("Debian's own policy is read", (context) => {
  let text: string;
  try {
    text = readFileSync("/etc/containers/policy.json", "utf8");
  } catch {
    context.skip("golang-github-containers-common is not installed");
    return;
  }
  assert.ok(parsePolicy(text, "/etc/containers/policy.json").default.length > 0);
});
