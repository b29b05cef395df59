import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";

/**
 * How Node's test runner reports in a guest: each event as a record of a JSON text sequence (RFC 7464), which the host
 * tells from what the tests print, and from which it makes one report of all guests'.
 */
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) if (shown.has(event.type)) yield record(event);
}

/** What says how a test went; the rest says when it waited. */
const shown = new Set<string>(["test:start", "test:pass", "test:fail", "test:diagnostic", "test:summary"]);

function record(event: TestEvent): string {
  return `\x1e${JSON.stringify(event, (key, value) => (key === "error" ? described(value) : value))}\n`;
}

/** An error doesn't survive JSON; what the report would show of it does. */
function described(error: { code?: string; failureType?: string; cause?: unknown }) {
  const { code, failureType, cause } = error;
  return { code, failureType, cause: typeof cause === "string" ? cause : inspect(cause) };
}
