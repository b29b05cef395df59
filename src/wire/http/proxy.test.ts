import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { proxyFor } from "./proxy.ts";

const proxy = "http://p.example:3128";
const asked = (url: string, env: NodeJS.ProcessEnv) => proxyFor(new URL(url), env)?.origin;

test("each scheme has its variable; capitals come first; an address needs no scheme", () => {
  assert.equal(asked("https://r.example/", { HTTPS_PROXY: proxy }), proxy);
  assert.equal(asked("http://r.example/", { HTTPS_PROXY: proxy }), undefined);
  assert.equal(asked("http://r.example/", { http_proxy: "p.example:3128" }), proxy);
  assert.equal(asked("http://r.example/", { HTTP_PROXY: proxy, http_proxy: "http://other" }), proxy);
  assert.equal(asked("https://r.example/", { HTTPS_PROXY: "" }), undefined);
  for (const wrong of ["socks5://me:s3cret@p", "http://me:s3cret@:99999"])
    assert.throws(
      () => asked("https://r.example/", { HTTPS_PROXY: wrong }),
      (error) => isFault(error, "invalid") && !error.message.includes("s3cret"),
    );
});

test("NO_PROXY: addresses, blocks, domains and what is below them, ports; and never this machine", () => {
  const cases: [string, string, boolean][] = [
    ["*", "https://r.example", true],
    ["10.0.0.0/8", "https://10.200.3.4:5000", true],
    ["10.0.0.0/8", "https://11.0.0.1", false],
    ["10.0.0.0/8", "https://10.example", false],
    ["fd00::/8", "https://[fd12::1]:5000", true],
    ["10.0.0.0/33", "https://10.0.0.1", false],
    ["192.168.1.5", "https://192.168.1.5", true],
    ["192.168.1.5:5000", "https://192.168.1.5", false],
    ["192.168.1.5:5000", "https://192.168.1.5:5000", true],
    ["[fd00::1]:5000", "https://[fd00::1]:5000", true],
    ["example.org", "https://example.org", true],
    ["example.org", "https://r.example.org", true],
    ["example.org", "https://notexample.org", false],
    [".example.org", "https://example.org", false],
    [".example.org", "https://r.example.org", true],
    ["*.example.org", "https://R.Example.ORG", true],
    ["example.org:443", "https://r.example.org", true],
    ["example.org:444", "https://r.example.org", false],
    ["a, r.example ,b", "https://r.example", true],
    ["0.0.0.1", "https://1.0.0.1", false],
    ["", "https://r.example", false],
    ["", "https://localhost:5000", true],
    ["", "https://127.0.0.2:5000", true],
    ["", "https://[::1]:5000", true],
    ["", "https://127.example", false],
  ];
  for (const [list, url, isDirect] of cases) {
    const env = { HTTPS_PROXY: proxy, no_proxy: list };
    assert.equal(asked(url, env), isDirect ? undefined : proxy, `${list} ${url}`);
  }
});
