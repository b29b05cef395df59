import { join } from "node:path";
import { spec, type TestEvent } from "node:test/reporters";
import { inspect } from "node:util";
import { repository } from "./places.ts";

type Counts = Record<"tests" | "suites" | "passed" | "failed" | "cancelled" | "skipped" | "todo", number>;

/** As Node's own report calls them at its end. */
const totals = new Map<keyof Counts, string>([
  ["tests", "tests"],
  ["suites", "suites"],
  ["passed", "pass"],
  ["failed", "fail"],
  ["cancelled", "cancelled"],
  ["skipped", "skipped"],
  ["todo", "todo"],
]);

/** One report of test files that ran in several guests, as Node's test runner would print it had it run them all here. */
export class Report {
  readonly #reporter = new spec();
  readonly #begun = performance.now();
  readonly #counts: Counts = { tests: 0, suites: 0, passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0 };
  readonly #printed: Promise<void>;

  /** @param printed where to */
  constructor(printed: NodeJS.WritableStream) {
    this.#reporter.pipe(printed, { end: false });
    this.#printed = new Promise((resolve) => this.#reporter.once("end", resolve));
  }

  /**
   * Adds a file that has run.
   *
   * @param output what came of it: records of inside/report.ts between what the tests printed
   * @param code its exit code
   */
  add(file: string, output: string, code: number): void {
    let summary: Counts | undefined;
    for (const { event, printed } of recordsIn(output)) {
      if (printed !== "") this.#write("test:stdout", { file, message: printed });
      if (event?.type === "test:summary") summary = event.data.counts as unknown as Counts;
      else if (event !== undefined && !isTotal(event)) this.#reporter.write(event);
    }
    for (const name of totals.keys()) this.#counts[name] += summary?.[name] ?? 0;
    if (summary === undefined) this.fail(file, `it ended with ${code} before it had summed up`);
    else if (code !== 0 && summary.failed + summary.cancelled === 0) this.fail(file, `it ended with ${code}`);
  }

  /** Adds a file that could not be run to its end. */
  fail(file: string, why: string): void {
    this.#counts.tests += 1;
    this.#counts.failed += 1;
    const error = { code: "ERR_TEST_FAILURE", failureType: "testCodeFailure", cause: shownAs(why) };
    const place = { name: file, nesting: 0, testNumber: 0, file: join(repository, file), line: 1, column: 1 };
    this.#write("test:fail", { ...place, details: { duration_ms: 0, error } });
  }

  /** Prints the totals and what failed. @returns whether all is well */
  async end(): Promise<boolean> {
    const { failed, cancelled } = this.#counts;
    const counted = [...totals].map(([name, word]) => `${word} ${this.#counts[name]}`);
    for (const message of [...counted, `duration_ms ${performance.now() - this.#begun}`])
      this.#write("test:diagnostic", { nesting: 0, message, level: "info" });
    this.#reporter.end();
    await this.#printed;
    return failed + cancelled === 0;
  }

  #write(type: TestEvent["type"], data: object): void {
    this.#reporter.write({ type, data });
  }
}

/** Tells the records of a JSON text sequence (RFC 7464) from the text around them. */
function* recordsIn(output: string): Generator<{ event?: TestEvent; printed: string }> {
  const [before = "", ...records] = output.split("\x1e");
  yield { printed: before };
  for (const record of records) {
    const end = record.indexOf("\n");
    yield { event: JSON.parse(record.slice(0, end), restored), printed: record.slice(end + 1) };
  }
}

/** Files as they are called here, and errors as text that the reporter shows as it is. */
function restored(key: string, value: unknown): unknown {
  if (key === "file" && typeof value === "string") return value.replace(/^\/berth\//, repository);
  if (key === "cause" && typeof value === "string") return shownAs(value);
  return value;
}

function shownAs(text: string): object {
  return { [inspect.custom]: () => text };
}

/** What Node prints at a file's end; there is one for all files. */
function isTotal({ type, data }: TestEvent): boolean {
  const total = new RegExp(`^(${[...totals.values(), "duration_ms"].join("|")}) `);
  return type === "test:diagnostic" && data.nesting === 0 && total.test(data.message);
}
