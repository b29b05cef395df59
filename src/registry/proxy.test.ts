import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { after, test } from "node:test";
import { fails, TestClient } from "./testing/client.ts";
import { missingRegistry, startRegistry } from "./testing/docker-registry.ts";
import { makeImage, pushImage, randomLayer } from "./testing/made-image.ts";
import { missingProxy, startProxy } from "./testing/tinyproxy.ts";

const signal = new AbortController().signal;
const image = makeImage([randomLayer("a", 50_000, 1)]);
const skip = missingRegistry() ?? missingProxy();
if (skip !== undefined) console.error(`!!! SKIPPED: tests with a real proxy: ${skip}`);
const oneTry = { tries: 1, first: 1, longest: 1, longestAsked: 1 };

/** An address of this machine that is not loopback's, for which no proxy would be asked. */
const reachable = (host: string) => host.replace("127.0.0.1", "0.0.0.0");

test("a real proxy is asked: by CONNECT for TLS, with the whole address for plain HTTP", {
  skip,
}, async () => {
  await using proxy = await startProxy();
  using client = new TestClient({ proxyEnv: { HTTP_PROXY: proxy.url, https_proxy: proxy.url } });
  using direct = new TestClient({ proxyEnv: { HTTPS_PROXY: proxy.url, NO_PROXY: "0.0.0.0/8" } });
  for (const tls of [false, true]) {
    await using registry = await startRegistry({ tls });
    await pushImage(registry, "app", image, ["1"]);
    const host = reachable(registry.host);
    const settings = tls ? `ca = "${registry.ca}"` : `server = "http://${host}"`;
    for (const each of [client, direct]) {
      each.configure(host, settings);
      const remote = await each.repository(`${host}/app:1`);
      assert.equal((await remote.manifest("1", signal)).digest, image.manifest.digest);
    }
    const asked = proxy.log().match(new RegExp(tls ? `CONNECT ${host}` : `GET http://${host}/v2/`, "g"));
    assert.equal(asked?.length, 1, proxy.log());
  }
});

test("a proxy that refuses is told of, its password to nobody", { skip }, async () => {
  await using proxy = await startProxy();
  const wrong = proxy.url.replace("s3cret-proxy", "wrong-s3cret");
  using client = new TestClient({ proxyEnv: { HTTPS_PROXY: wrong }, backOff: oneTry });
  const remote = await client.repository("registry.invalid/app:1");
  const story = await fails(remote.manifest("1", signal), "unavailable", /40[17]|Proxy/);
  assert.doesNotMatch(story, /s3cret/);
});

test("dial_timeout ends the wait for a connection, at a proxy that says nothing, too", async () => {
  const connections: Socket[] = [];
  const silent = createServer((socket) => void connections.push(socket));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  after(() => {
    silent.close();
    for (const socket of connections) socket.destroy();
  });
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : 0;
  using client = new TestClient({
    proxyEnv: { HTTPS_PROXY: `http://127.0.0.1:${port}` },
    stall: 60_000,
    backOff: oneTry,
  });
  client.configure("registry.invalid", 'dial_timeout = "50ms"');
  const remote = await client.repository("registry.invalid/app:1");
  await fails(remote.manifest("1", signal), "unavailable", /no connection within 50 ms/);
});
