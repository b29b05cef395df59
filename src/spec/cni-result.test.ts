import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "../base/fault.ts";
import { parseCniError, parseCniResult, printable } from "./cni-result.ts";

test("results of every version are read", () => {
  const old = parseCniResult('{"cniVersion":"0.2.0","ip4":{"ip":"10.1.2.3/24"},"ip6":{"ip":"fd00::3/64"}}');
  assert.deepEqual(
    old.addresses.map(({ address }) => address),
    ["10.1.2.3", "fd00::3"],
  );
  const middle = parseCniResult(
    `{"cniVersion":"0.4.0","interfaces":[{"name":"br0","mac":"02:00:00:00:00:01"},{"name":"eth0","sandbox":"/n"}],
      "ips":[{"version":"4","address":"10.1.2.3/24","interface":1}]}`,
  );
  assert.deepEqual(middle.addresses, [{ address: "10.1.2.3", interface: 1 }]);
  assert.deepEqual(middle.interfaces, [
    { name: "br0", mac: "02:00:00:00:00:01", sandbox: "" },
    { name: "eth0", mac: "", sandbox: "/n" },
  ]);
  assert.deepEqual(parseCniResult('{"cniVersion":"1.0.0","ips":null}').addresses, []);
});

test("what is no proper result is refused", () => {
  const refused = [
    "",
    "null",
    '{"ips":{}}',
    '{"ips":[1]}',
    '{"ips":[{"address":"10.0.0.1"}]}',
    '{"ips":[{"address":"10.0.0.1/33"}]}',
    '{"ips":[{"address":"fe80::1%eth0/64"}]}',
    '{"ips":[{"address":"10.0.0.1/8","interface":0}]}',
    '{"ips":[{"address":"10.0.0.1/8","interface":-1}]}',
    '{"interfaces":[{"name":"a/b"}]}',
    '{"interfaces":[{"name":"eth0","mac":"nonsense"}]}',
    JSON.stringify({ ips: Array.from({ length: 257 }, () => ({ address: "10.0.0.1/8" })) }),
  ];
  for (const text of refused) assert.throws(() => parseCniResult(text), { kind: "corrupt" }, text);
});

test("whatever a plugin prints, it is read or refused, never more", () => {
  const keys = fc.constantFrom(
    "ips",
    "interfaces",
    "address",
    "interface",
    "name",
    "mac",
    "sandbox",
    "ip4",
    "ip",
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom("10.0.0.1/8", "eth0", 0, null),
      fc.jsonValue(),
      fc.array(tie("value")),
      fc.dictionary(keys, tie("value")),
    ),
  }));
  fc.assert(
    fc.property(value, (printed) => {
      const text = JSON.stringify(printed);
      parseCniError(text);
      try {
        for (const { address } of parseCniResult(text).addresses) assert.ok(address.length < 64);
      } catch (error) {
        assert.ok(error instanceof Fault, String(error));
      }
    }),
  );
});

test("what is shown of a plugin's words is one line without control characters", () => {
  assert.equal(printable("a\n\tb\u001b[31mc\u202e"), "a b [31mc");
  assert.equal(printable("x".repeat(5000)).length, 1001);
});
