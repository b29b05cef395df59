import { Fault } from "../base/fault.ts";
import type { Digest } from "../base/ids.ts";
import { parseDigest } from "./digest.ts";

/** The name of an image at a registry, normalised: always with a host, and with a tag or a digest. */
export interface Reference {
  /** A DNS name or address, with its port if one was given: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly host: string;
  /** `library/busybox`. */
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

const label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const hostForm = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::([0-9]{1,5}))?$`);
const componentForm = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagForm = /^[\w][\w.-]{0,127}$/;
const defaultHost = "docker.io";
const nameMax = 255;

/**
 * Reads an image reference the way users of Docker and the kubelet write them: `busybox` is
 * `docker.io/library/busybox:latest`. With tag and digest both, the digest counts.
 *
 * @throws {Fault} invalid, saying which part is wrong
 */
export function parseReference(text: string): Reference {
  if (text.length > nameMax + 1 + 128 + 1 + 135) throw wrong(text, "it is too long");
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : readDigest(text, text.slice(at + 1));
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  const portOnly = colon >= 0 && !named.includes("/") && named.startsWith("[");
  const tag = colon < 0 || portOnly ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !tagForm.test(tag)) throw wrong(text, `${JSON.stringify(tag)} is not a tag`);
  const { host, repository } = readName(text, colon < 0 || portOnly ? named : named.slice(0, colon));
  return { host, repository, tag: tag ?? (digest === undefined ? "latest" : undefined), digest };
}

/** `host/repository`. */
export function repositoryName(reference: Pick<Reference, "host" | "repository">): string {
  return `${reference.host}/${reference.repository}`;
}

/** The reference as berth records and shows it: by digest if it has one, else by tag. */
export function formatReference(reference: Reference): string {
  const name = repositoryName(reference);
  return reference.digest === undefined ? `${name}:${reference.tag}` : `${name}@${reference.digest}`;
}

/**
 * True for names that can only mean this very machine: `localhost`, 127.0.0.0/8, `[::1]`; with or without a
 * port.
 */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:[0-9]+$/, "").toLowerCase();
  return name === "localhost" || name === "[::1]" || /^127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$/.test(name);
}

function readDigest(text: string, digest: string): Digest {
  try {
    return parseDigest(digest);
  } catch (cause) {
    if (cause instanceof Fault && cause.kind === "unimplemented") throw cause;
    throw new Fault("invalid", `${shown(text)} is not an image reference`, { cause });
  }
}

function readName(text: string, name: string): { host: string; repository: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const named = /[.:A-Z[]/.test(first) || first === "localhost";
  const host = !named || first === "index.docker.io" ? defaultHost : first;
  const path = named ? name.slice(slash + 1) : name;
  const port = hostForm.exec(host);
  if (port === null || Number(port[1] ?? 1) > 65535 || Number(port[1] ?? 1) === 0) {
    throw wrong(text, `${JSON.stringify(host)} is not a host`);
  }
  if (path === "") throw wrong(text, "it names no repository");
  for (const component of path.split("/")) {
    if (componentForm.test(component)) continue;
    const lower = componentForm.test(component.toLowerCase());
    throw wrong(
      text,
      lower
        ? "a repository is written in lower case"
        : `${JSON.stringify(component)} can't be part of a repository`,
    );
  }
  const repository = host === defaultHost && !path.includes("/") ? `library/${path}` : path;
  if (!named && /^[0-9a-f]{64}$/.test(path)) throw wrong(text, "64 hexadecimal digits are an image id");
  if (repositoryName({ host, repository }).length > nameMax)
    throw wrong(text, `its name is longer than ${nameMax}`);
  return { host, repository };
}

function wrong(text: string, why: string): Fault {
  return new Fault("invalid", `${shown(text)} is not an image reference: ${why}`);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text);
}
