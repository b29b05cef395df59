import { readFileSync } from "node:fs";
import { during, Fault } from "../base/fault.ts";
import { AuthConfig, ImageSpec } from "../wire/gen/runtime.v1.ts";
import type { Runtime } from "./context.ts";

/** Pulls `image`. @returns the reference that the runtime answers with */
export async function pullImage(
  runtime: Runtime,
  image: string,
  auth?: AuthConfig,
  signal?: AbortSignal,
): Promise<string> {
  try {
    const answer = await runtime.images.pullImage(
      { image: ImageSpec.create({ image }), auth, sandboxConfig: undefined },
      signal === undefined ? {} : { signal },
    );
    return answer.imageRef;
  } catch (error) {
    throw during(`pulling ${image}`, error);
  }
}

/** True when the runtime has `image`. */
export async function hasImage(runtime: Runtime, image: string): Promise<boolean> {
  const answer = await runtime.images.imageStatus({ image: ImageSpec.create({ image }), verbose: false });
  return answer.image !== undefined;
}

/** `user:password`, from the command line or a file that only its owner may read. @throws {Fault} invalid */
export function authFrom(credentials: string | undefined, file: string | undefined): AuthConfig | undefined {
  const text = file === undefined ? credentials : readFileSync(file, "utf8").trimEnd();
  if (text === undefined) return undefined;
  const colon = text.indexOf(":");
  if (colon <= 0) throw new Fault("invalid", "credentials are given as user:password");
  return AuthConfig.create({ username: text.slice(0, colon), password: text.slice(colon + 1) });
}
