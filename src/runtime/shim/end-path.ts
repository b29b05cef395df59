/** Where a shim opens an end of a pipe of this process's, as it would a FIFO. */
export function pathOfEnd(fd: number): string {
  return `/proc/${process.pid}/fd/${fd}`;
}
