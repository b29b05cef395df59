import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { proxyVariables } from "./proxy-variables.ts";

test("the proxy is that of the process that is asked about, and nothing else of its environment is taken", async (t) => {
  const env = { HTTPS_PROXY: "http://proxy.example:3128?a=b", no_proxy: "localhost", TOKEN: "secret" };
  const child = spawn("/bin/sleep", ["60"], { env, stdio: "ignore" });
  t.after(() => child.kill("SIGKILL"));
  await new Promise((resolve) => child.once("spawn", resolve));
  const { TOKEN: _, ...wanted } = env;
  assert.deepEqual(proxyVariables(child.pid), wanted);
  assert.equal(proxyVariables(undefined).TOKEN, undefined);
});
