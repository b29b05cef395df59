import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { extname } from "node:path";
import { during, Fault } from "../../base/fault.ts";
import type { ContainerConfig, PodSandboxConfig } from "../../wire/gen/runtime.v1.ts";
import type { Reader } from "./fields.ts";

const extensions = new Set([".json", ".yaml", ".yml"]);

/** True for what looks like the name of a configuration file, as crictl's users write them. */
export function isConfigFile(path: string | undefined): path is string {
  return path !== undefined && extensions.has(extname(path).toLowerCase());
}

/** The pod sandbox that a file describes; without a uid it gets a new one. @throws {Fault} notFound, invalid */
export async function readPodSandboxConfig(path: string): Promise<PodSandboxConfig> {
  const { podSandboxConfig } = await import("./pod-sandbox-config.ts");
  const config = await read(path, podSandboxConfig);
  const { metadata } = config;
  if (metadata === undefined || metadata.name === "" || metadata.namespace === "") {
    throw new Fault("invalid", `${path}: metadata needs a name and a namespace`);
  }
  return { ...config, metadata: { ...metadata, uid: metadata.uid || randomUUID() } };
}

/** The container that a file describes. @throws {Fault} notFound, invalid */
export async function readContainerConfig(path: string): Promise<ContainerConfig> {
  const { containerConfig } = await import("./container-config.ts");
  const config = await read(path, containerConfig);
  if (config.metadata === undefined || config.metadata.name === "") {
    throw new Fault("invalid", `${path}: metadata needs a name`);
  }
  if (config.image === undefined || config.image.image === "") {
    throw new Fault("invalid", `${path}: image needs the name or id of an image, in its field image`);
  }
  return config;
}

async function read<T>(path: string, reader: Reader<T>): Promise<T> {
  const document = await parse(path, textOf(path));
  try {
    return reader(document, "");
  } catch (error) {
    throw during(path, error);
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new Fault(isMissing ? "notFound" : "invalid", `reading ${path}`, { cause: error });
  }
}

async function parse(path: string, text: string): Promise<unknown> {
  try {
    if (extname(path).toLowerCase() === ".json") return JSON.parse(text);
    const { parse: parseYaml } = await import("yaml");
    return parseYaml(text);
  } catch (error) {
    throw new Fault("invalid", `${path} can't be read as ${extname(path).slice(1).toUpperCase()}`, {
      cause: error,
    });
  }
}
