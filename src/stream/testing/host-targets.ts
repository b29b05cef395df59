import { spawn } from "node:child_process";
import { connect } from "node:net";
import { constants } from "node:os";
import type { StreamTargets } from "../contract.ts";

/** Streams that lead to programs and ports of this host: what they are joined to is real, but no container. */
export function hostTargets(): StreamTargets & { readonly running: () => number } {
  let running = 0;
  return {
    running: () => running,
    async exec(_id, [program = "", ...args], wanted) {
      const stdio = [wanted.stdin, wanted.stdout, wanted.stderr].map((is) => (is ? "pipe" : "ignore"));
      const child = spawn(program, args, { stdio: stdio as ["pipe", "pipe", "pipe"], detached: true });
      running++;
      const exited = new Promise<number>((resolve) => {
        child.once("close", (code, signal) => {
          running--;
          resolve(code ?? 128 + (constants.signals[signal ?? "SIGKILL"] ?? 0));
        });
      });
      const { stdin, stdout, stderr } = child;
      return {
        stdin: stdin ?? undefined,
        stdout: stdout ?? undefined,
        stderr: stderr ?? undefined,
        resize: () => undefined,
        exited,
        async kill() {
          if (child.exitCode === null && child.signalCode === null)
            process.kill(-(child.pid ?? 0), "SIGKILL");
          await exited;
        },
      };
    },
    copy: () => Promise.reject(new Error("there is nothing to copy")),
    attach: () => Promise.reject(new Error("there is nothing to attach to")),
    connect: (_id, port) =>
      new Promise((resolve, reject) => {
        const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
        socket.once("error", reject);
        socket.once("connect", () => {
          socket.off("error", reject);
          resolve(socket);
        });
      }),
  };
}
