import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { patience } from "../harness/patience.ts";
import { privileged } from "../harness/privileged.ts";

const run = promisify(execFile);
const writer = fileURLToPath(new URL("../harness/write-log.ts", import.meta.url));

/** A real journald with a /run of its own; then what the journal holds of `berth`. */
const script = `
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /run/log/journal
printf '[Journal]\\nStorage=volatile\\n' >/run/systemd/journald.conf.d/storage.conf
/lib/systemd/systemd-journald 2>/dev/null &
until [ -S /run/systemd/journal/socket ]; do sleep 0.02; done
"$1" --disable-warning=ExperimentalWarning "$2" $! >&2
until grep -q '"the last"' /run/entries 2>/dev/null
do
  sleep 0.05
  journalctl --directory=/run/log/journal --output=json --all SYSLOG_IDENTIFIER=berth >/run/entries 2>/dev/null
done
cat /run/entries
kill $!`;

test(
  "the log in a real journal: fields, long lines, and none lost while journald hangs",
  privileged,
  async () => {
    const { stdout } = await run(
      "unshare",
      ["--mount", "--propagation", "private", "sh", "-c", script, "sh", process.execPath, writer],
      { maxBuffer: 64 << 20, timeout: 60_000 * patience },
    );
    const entries: Record<string, string>[] = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const [first] = entries;
    assert.deepEqual(
      [first?.MESSAGE, first?.PRIORITY, first?.BERTH_CONTAINER, first?.BERTH_OPERATION, first?.BERTH_KIND],
      ["StartContainer failed: no such file  container=abc123", "3", "abc123", "StartContainer", "notFound"],
    );
    const long = entries.find(({ BERTH_IMAGE }) => BERTH_IMAGE === "long");
    assert.equal(long?.MESSAGE?.length, 300_000 + "  image=long".length);
    const several = entries.find(({ BERTH_IMAGE }) => BERTH_IMAGE === "several");
    assert.equal(several?.MESSAGE, "two\nlines  image=several");
    const numbers = entries.flatMap(({ BERTH_NUMBER }) => BERTH_NUMBER ?? []);
    assert.deepEqual(
      numbers,
      Array.from({ length: 500 }, (_, index) => String(index)),
    );
    assert.equal(entries.at(-1)?.MESSAGE, "the last");
    assert.equal(entries.at(-1)?.PRIORITY, "6");
  },
);
