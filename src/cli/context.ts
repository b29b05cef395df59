import type { Command } from "commander";
import type { Config } from "../config/schema.ts";
import type { ImageServiceService, RuntimeServiceService } from "../wire/gen/runtime.v1.ts";
import type { Connection } from "../wire/grpc/client.ts";
import type { Calls } from "../wire/grpc/method.ts";

/** The runtime that a command talks to: the calls of the CRI, and those of any other service it may have. */
export interface Runtime extends Connection {
  readonly pods: Calls<typeof RuntimeServiceService>;
  readonly images: Calls<typeof ImageServiceService>;
}

/** What the commands get from their surroundings. */
export interface CommandContext {
  /** Connects to the runtime that the command's options, the environment or the configuration name. */
  connect(command: Command): Promise<Runtime>;
  /** Runs the daemon until it is told to stop. */
  serve(readConfig: () => Config): Promise<void>;
  /**
   * Aborts when the user interrupts the command, or nobody reads its output any more. A command that never asks is ended
   * at once; one that asks has to end by itself, soon.
   */
  interrupted(): AbortSignal;
  /** What the process will exit with, unless the command throws. */
  exitWith(code: number): void;
}

/** One command's options and action, added to the commander command that has its name. */
export type Define = (command: Command, context: CommandContext) => void;
