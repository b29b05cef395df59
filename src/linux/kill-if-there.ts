/** KILL, where the process may have gone meanwhile. */
export function killIfThere(pid: number, signal: number | "SIGKILL" = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
