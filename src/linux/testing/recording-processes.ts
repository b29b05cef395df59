import { throwIfEnded } from "../../base/deadline.ts";
import type { Command, Finished, Processes } from "../contract.ts";

const nothing = new Uint8Array();

/**
 * Runs no program: records every command, and answers as `answer` says; what is left out is success without
 * output.
 */
export class RecordingProcesses implements Processes {
  readonly commands: Command[] = [];
  answer: (command: Command) => Partial<Finished> | Promise<Partial<Finished>>;

  constructor(answer: RecordingProcesses["answer"] = () => ({})) {
    this.answer = answer;
  }

  async run(command: Command, signal: AbortSignal): Promise<Finished> {
    throwIfEnded(signal, command.path);
    this.commands.push(command);
    const answer = await this.answer(command);
    throwIfEnded(signal, command.path);
    return { code: 0, signal: null, stdout: nothing, stderr: nothing, truncated: false, ...answer };
  }
}
