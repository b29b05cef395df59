/**
 * Runs a program in a kernel that lacks system calls: `without-system-calls.ts 437,442 -- program args…`. A seccomp filter
 * answers ENOSYS to them, as a kernel does that was built before they were thought of; after `=` another errno, or 0 for one
 * that claims to have done what it did not.
 */
import koffi from "koffi";
import { check, libc } from "../../src/linux/libc.ts";

const SockFprog = koffi.struct("SockFprog", { length: "uint16_t", filter: "void *" });
const prctl = libc.func("prctl", "int", ["int", "unsigned long", koffi.pointer(SockFprog)]);
const execve = libc.func("int execve(const char *path, const char **argv, const char **envp)");

const fcntl = libc.func("int fcntl(int fd, int command, int value)");

const F_SETFD = 2;
const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;
const SECCOMP_RET_ALLOW = 0x7fff0000;
const SECCOMP_RET_ERRNO = 0x00050000;
const ENOSYS = "38";
/** BPF: load the word at an offset, jump if equal, return. */
const [LOAD, JUMP_IF_EQUAL, RETURN] = [0x20, 0x15, 0x06];

/** struct sock_filter, one after the other: code, how many to skip if true and if false, operand. */
function filterOf(numbers: readonly number[], errno: number): Buffer {
  const program = [
    [LOAD, 0, 0, 0], // the call's number
    ...numbers.map((number, index) => [JUMP_IF_EQUAL, numbers.length - index, 0, number]),
    [RETURN, 0, 0, SECCOMP_RET_ALLOW],
    [RETURN, 0, 0, SECCOMP_RET_ERRNO | errno],
  ];
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, [code = 0, ifTrue = 0, ifFalse = 0, operand = 0]] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(operand, index * 8 + 4);
  }
  return bytes;
}

const [calls = "", , program = "", ...args] = process.argv.slice(2);
const [numbers = "", errno = ENOSYS] = calls.split("=");
const filter = filterOf(numbers.split(",").map(Number), Number(errno));
check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, { length: filter.length / 8, filter }), "prctl", "seccomp");
// Node has its children get none of these but by its own doing.
for (const fd of [0, 1, 2]) check(fcntl(fd, F_SETFD, 0), "fcntl", `fd ${fd}`);
// The filter is of this thread, which becomes the program; the others of Node end.
const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
check(execve(program, [program, ...args, null], [...environment, null]), "execve", program);
