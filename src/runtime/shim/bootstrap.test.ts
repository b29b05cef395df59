import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { BootstrapResult } from "../../wire/gen/shim-bootstrap.v1.ts";
import { parseBootstrap } from "./bootstrap.ts";

const parse = (text: string) => parseBootstrap(Buffer.from(text));

test("a shim's answer is a plain address, JSON, or protobuf", () => {
  assert.deepEqual(parse("unix:///run/s/abc\n"), { socket: "/run/s/abc", version: 2 });
  assert.deepEqual(parse("/run/s/abc"), { socket: "/run/s/abc", version: 2 });
  const answer = { version: 3, address: "unix:///run/s/abc", protocol: "ttrpc" };
  assert.deepEqual(parse(JSON.stringify(answer)), { socket: "/run/s/abc", version: 3 });
  assert.deepEqual(parse('{"version":2,"address":"unix:///a"}'), { socket: "/a", version: 2 });
  const bytes = BootstrapResult.encode(answer).finish();
  assert.deepEqual(parseBootstrap(bytes), { socket: "/run/s/abc", version: 3 });
});

test("what berth can't speak is told, and what is no address", () => {
  const refused = (text: string, words: RegExp) =>
    assert.throws(
      () => parse(text),
      (error) => isFault(error) && words.test(error.message),
    );
  refused('{"version":4,"address":"unix:///a","protocol":"ttrpc"}', /version 4/);
  refused('{"version":3,"address":"vsock://3:1024","protocol":"ttrpc"}', /named no socket/);
  refused('{"version":3,"address":"unix:///a","protocol":"grpc"}', /speaks grpc/);
  refused('{"version":3', /can't be read/);
  refused("", /version 0/);
  refused("usage: shim", /can't be read|version/);
});
