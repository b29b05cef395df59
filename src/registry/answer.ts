import type { IncomingMessage } from "node:http";
import { Fault, type FaultKind } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import { readBody } from "./body.ts";
import { showUrl } from "./transport.ts";

const errorBodyMax = 16_384;
const shownMax = 300;

/**
 * A registry's answer that is no success. `retryAfter`: when it says that trying again helps, and how long it
 * asks to wait.
 */
export class Refused extends Fault {
  readonly status: number;
  /** Who answered: the host that was asked, or one that it has redirected to. */
  readonly by: string;
  readonly retryAfter: Ms | undefined;

  constructor(kind: FaultKind, message: string, status: number, by: string, retryAfter: Ms | undefined) {
    super(kind, message);
    this.status = status;
    this.by = by;
    this.retryAfter = retryAfter;
  }
}

/** Reads what an answer with an error status says (distribution spec, Error Codes), and ends it. */
export async function refusal(answer: IncomingMessage, url: URL, signal: AbortSignal): Promise<Refused> {
  const status = answer.statusCode ?? 0;
  const said = await errorText(answer, url, signal);
  const retry = retryAfter(answer.headers["retry-after"]);
  const message = `${showUrl(url)} answers ${status}${said === "" ? "" : `: ${said}`}`;
  return new Refused(kindOf(status), message, status, url.host, retry);
}

/** True for statuses that say "not now". */
export function isPassing(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

function kindOf(status: number): FaultKind {
  if (status === 401) return "unauthenticated";
  if (status === 403) return "forbidden";
  if (status === 404 || status === 410) return "notFound";
  if (isPassing(status)) return "unavailable";
  return "internal";
}

async function errorText(answer: IncomingMessage, url: URL, signal: AbortSignal): Promise<string> {
  let body: string;
  try {
    body = (await readBody(answer, url, errorBodyMax, 5_000, signal)).toString();
  } catch {
    // The status says enough.
    return "";
  }
  if (!/json/.test(answer.headers["content-type"] ?? "")) return "";
  try {
    const parsed = JSON.parse(body) as {
      errors?: { code?: unknown; message?: unknown }[];
      details?: unknown;
    };
    const errors = Array.isArray(parsed.errors) ? parsed.errors.slice(0, 3) : [];
    const texts = errors.map((error) =>
      [error?.code, error?.message].filter((part) => typeof part === "string").join(" "),
    );
    return printable(texts.length > 0 ? texts.join(", ") : String(parsed.details ?? ""));
  } catch {
    return "";
  }
}

/** A stranger's text as one short line without control characters. */
function printable(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  return line.length > shownMax ? `${line.slice(0, shownMax)}…` : line;
}

/** Retry-After (RFC 9110, 10.2.3): seconds or a date. */
function retryAfter(header: string | undefined): Ms | undefined {
  if (header === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}
