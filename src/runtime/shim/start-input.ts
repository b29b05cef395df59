import { stat } from "node:fs/promises";
import { during } from "../../base/fault.ts";
import { waitOutside } from "../../base/outside-time.ts";
import type { Bytes, Ms } from "../../base/units.ts";
import type { Paths } from "../../config/paths.ts";
import type { Processes } from "../../linux/contract.ts";
import { BootstrapParams } from "../../wire/gen/shim-bootstrap.v1.ts";
import { Any } from "../../wire/gen/task.v2.ts";
import { type ShimHandler, shimNamespace } from "./handler.ts";
import { encodeOptions } from "./options.ts";
import { publishProgram } from "./publish-program.ts";

/** What Go's flag package ends a program with that was given a flag which it does not know. */
const unknownFlag = 2;
/** How long a shim may take to say what it is: it asks its runtime, too. */
const infoDeadline: Ms = 20_000;
const maxInfo: Bytes = 64 << 10;
/** A socket's path has 108 bytes, and shims name theirs with 64 characters. */
const longestSocketDir: Bytes = 42;

/** Whom a shim is started for, with which environment. */
interface Started {
  readonly group: string;
  readonly handler: ShimHandler;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * What the `start` of shims reads. Since containerd 2.3 that is BootstrapParams, for every shim; later shims refuse to start without. Those
 * from before containerd 2.0 read the handler's options alone, and the earliest refuse to start with anything else: they are known by
 * not having the flag `-info` (docs/decisions/0388).
 */
export class StartInputs {
  readonly #processes: Processes;
  /** By program. Asked anew once that is another file. */
  readonly #known = new Map<string, { readonly file: string; readonly takesOptionsAlone: boolean }>();

  constructor(processes: Processes) {
    this.#processes = processes;
  }

  /** @throws {Fault} unavailable when the program is not there; deadline, when it does not answer; as `signal` says */
  async of(started: Started, paths: Paths, signal: AbortSignal): Promise<Uint8Array> {
    const { type, options } = started.handler;
    const any = encodeOptions(type, options);
    const alone = any === undefined ? new Uint8Array() : Any.encode(any).finish();
    return (await this.#takesOptionsAlone(started, alone, signal)) ? alone : params(started, any, paths);
  }

  async #takesOptionsAlone(
    { handler: { program }, env }: Started,
    stdin: Uint8Array,
    signal: AbortSignal,
  ): Promise<boolean> {
    const file = await fileOf(program);
    const known = this.#known.get(program);
    if (known?.file === file) return known.takesOptionsAlone;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(infoDeadline)]);
    const command = { path: program, args: ["-info"], env, stdin, maxOutput: maxInfo };
    const asked = this.#processes.run(command, limit).catch((error: unknown) => {
      throw during(`${program} -info`, error);
    });
    const takesOptionsAlone = (await waitOutside(asked)).code === unknownFlag;
    this.#known.set(program, { file, takesOptionsAlone });
    return takesOptionsAlone;
  }
}

/** Another after an upgrade; none where the start will say that there is no such program. */
async function fileOf(program: string): Promise<string> {
  const found = await stat(program).catch(() => undefined);
  return found === undefined ? "" : [found.dev, found.ino, found.size, found.mtimeMs].join(" ");
}

function params({ group, env }: Started, options: Any | undefined, paths: Paths): Uint8Array {
  const { shimSockets } = paths;
  return BootstrapParams.encode({
    instanceId: group,
    namespace: shimNamespace,
    logLevel: 0,
    containerdVersion: "", // it is none
    containerdTtrpcAddress: env.TTRPC_ADDRESS ?? "",
    containerdGrpcAddress: paths.socket,
    containerdBinary: publishProgram(),
    extensions: options === undefined ? [] : [{ value: options }],
    ...(Buffer.byteLength(shimSockets) <= longestSocketDir && { socketDir: shimSockets }),
  }).finish();
}
