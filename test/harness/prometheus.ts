import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ownPort } from "../../src/linux/testing/own-port.ts";
import { eventually } from "./pods.ts";

const rules = fileURLToPath(new URL("../../packaging/prometheus/berth-rules.yml", import.meta.url));

/** One series of a query's result: its labels, and its value now. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Debian's Prometheus on loopback, with a directory of its own, that scrapes one target every half second. */
export class TestPrometheus {
  readonly #url: string;
  readonly #directory: string;
  readonly #child: ChildProcess;
  #scrapedAt: number | undefined;

  private constructor(directory: string, url: string, child: ChildProcess) {
    this.#directory = directory;
    this.#url = url;
    this.#child = child;
  }

  /** `target`: as in `127.0.0.1:9321`. The packaged alerts are loaded, too. */
  static async start(target: string): Promise<TestPrometheus> {
    const directory = mkdtempSync("/tmp/berth-prometheus-");
    const listen = `127.0.0.1:${await ownPort()}`;
    const config = join(directory, "prometheus.yml");
    writeFileSync(
      config,
      `global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s}
rule_files: ["${rules}"]
scrape_configs: [{job_name: berth, static_configs: [{targets: ["${target}"]}]}]
`,
    );
    const log = openSync(join(directory, "log"), "a");
    const child = spawn(
      "prometheus",
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(directory, "data")}`,
        `--web.listen-address=${listen}`,
      ],
      { stdio: ["ignore", log, log] },
    );
    const prometheus = new TestPrometheus(directory, `http://${listen}`, child);
    try {
      await eventually("the first scrape", 30_000, () => prometheus.#scraped(1));
    } catch (error) {
      const said = readFileSync(join(directory, "log"), "utf8");
      await prometheus.close();
      throw new Error(`Prometheus: ${said}`, { cause: error });
    }
    return prometheus;
  }

  /** Where its own API answers. */
  get host(): string {
    return new URL(this.#url).host;
  }

  /** The series that a query gives at the time of `scrape`, or now without one. @throws when Prometheus refuses the query */
  async query(expression: string): Promise<Sample[]> {
    const asked = new URLSearchParams({ query: expression });
    if (this.#scrapedAt !== undefined) asked.set("time", String(this.#scrapedAt));
    const answer = await this.#ask(`query?${asked}`);
    const { result } = answer as { result: { metric: Record<string, string>; value: [number, string] }[] };
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  /** The value of the only series that a query gives at the time of `scrape`. */
  async value(expression: string): Promise<number> {
    const [sample, ...more] = await this.query(expression);
    if (sample === undefined || more.length > 0) {
      throw new Error(`${expression} gives ${more.length + (sample === undefined ? 0 : 1)} series`);
    }
    return sample.value;
  }

  /** Waits until figures of now were scraped: it is those that are asked for then, whatever becomes of later scrapes. */
  async scrape(): Promise<void> {
    this.#scrapedAt = await this.#nextScrape("1");
  }

  /** Waits until a scrape has failed. */
  async missScrape(): Promise<void> {
    await this.#nextScrape("0");
  }

  /** @returns its time */
  async #nextScrape(isUp: "0" | "1"): Promise<number> {
    const after = Date.now() / 1000;
    return await eventually("a scrape", 30_000, async () => {
      const { result } = (await this.#ask("query?query=up[30s]")) as {
        result: { values: [number, string][] }[];
      };
      const scrapes = result.flatMap(({ values }) => values);
      return scrapes.find(([at, up]) => at > after && up === isUp)?.[0];
    });
  }

  /** The names of the alerts that it has loaded. */
  async alerts(): Promise<string[]> {
    const { groups } = (await this.#ask("rules")) as {
      groups: { rules: { name: string; health: string }[] }[];
    };
    return groups.flatMap(({ rules: loaded }) => loaded.map(({ name }) => name));
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = new Promise((resolve) => this.#child.once("exit", resolve));
      this.#child.kill("SIGKILL");
      await gone;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #scraped(up: number): Promise<true | undefined> {
    if (this.#child.exitCode !== null) throw new Error(`it ended with ${this.#child.exitCode}`);
    const samples = await this.query("up").catch(() => []);
    return samples[0]?.value === up ? true : undefined;
  }

  async #ask(path: string): Promise<unknown> {
    const response = await fetch(`${this.#url}/api/v1/${path}`);
    const answer = (await response.json()) as { status: string; error?: string; data?: unknown };
    if (answer.status !== "success") throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  }
}
