import { extname } from "node:path";
import type { Ms } from "../base/units.ts";
import { fromFaultMessage } from "./fault-message.ts";
import type { HostTaskAnswer, HostTaskMessage, HostTaskName, HostTasks } from "./host-tasks.ts";
import { IdleWorker } from "./idle-worker.ts";

/** Where berth is installed its sources are plain JavaScript. */
const threadModule = new URL(`./host-thread-main${extname(import.meta.url)}`, import.meta.url);

/**
 * The thread for small work on the kernel that must not be done on the main thread, since it acts on the calling thread
 * (unshare, setns) or may wait for a lock of the kernel (cgroups), and that is too small for the pool: a call there costs
 * more than the kernel's work, and each of these tasks is some dozen calls. It ends when it has had nothing to do for
 * `idleMs`; dispose of it to end it at once.
 */
export class HostThread implements AsyncDisposable {
  readonly #worker: IdleWorker<HostTaskMessage, HostTaskAnswer>;

  constructor(idleMs: Ms) {
    this.#worker = new IdleWorker("berth-host", threadModule, idleMs);
  }

  /** Does one task; several one after the other. @throws {Fault} as the task fails; internal when the thread ended in it */
  async run<Name extends HostTaskName>(
    name: Name,
    takes: HostTasks[Name]["takes"],
  ): Promise<HostTasks[Name]["gives"]> {
    const answer = await this.#worker.ask({ name, takes });
    if ("fault" in answer) throw fromFaultMessage(answer.fault);
    return answer.gives as HostTasks[Name]["gives"];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#worker[Symbol.asyncDispose]();
  }
}
