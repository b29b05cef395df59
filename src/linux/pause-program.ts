import { arch } from "node:process";
import { Fault } from "../base/fault.ts";

/**
 * What runs as the first process of a pod's own container: it waits for SIGTERM or SIGINT, and then ends. Children that it gets from
 * others are reaped, as it ignores SIGCHLD. It is a static executable of a few hundred bytes, so that it runs wherever the pod
 * does, also within another kernel, with nothing pulled or installed for it (docs/decisions/0410).
 *
 * @throws {Fault} unavailable on an architecture that there is none for
 */
export function pauseProgram(): Uint8Array {
  const known = programs[arch];
  if (known === undefined) {
    throw new Fault("unavailable", `berth has no program for a pod's own container on ${arch}`, {
      hint: "choose a runtime handler that needs none, and no shared PID namespace",
    });
  }
  return executable(known.machine, Buffer.from(known.code.replaceAll(/#.*|\s/g, ""), "hex"));
}

/** Machine code with its data, at whatever address. */
interface Program {
  /** e_machine (elf(5)). */
  readonly machine: number;
  readonly code: string;
}

/**
 * rt_sigprocmask(SIG_BLOCK, set); rt_sigaction(SIGCHLD, ignore); do rt_sigtimedwait(set) while it fails; exit_group(0). Signals
 * that are blocked reach the first process of a PID namespace, too.
 */
const programs: Readonly<Partial<Record<NodeJS.Architecture, Program>>> = {
  x64: {
    machine: 62,
    code: `
      488d3541000000 # lea rsi, [set]
      31ff           # xor edi, edi
      31d2           # xor edx, edx
      6a08 415a      # push 8; pop r10
      6a0e 58        # push 14; pop rax
      0f05           # syscall
      6a11 5f        # push 17; pop rdi
      488d3532000000 # lea rsi, [ignore]
      31d2           # xor edx, edx
      6a0d 58        # push 13; pop rax
      0f05           # syscall
      488d3d1c000000 # again: lea rdi, [set]
      31f6           # xor esi, esi
      31d2           # xor edx, edx
      6a08 415a      # push 8; pop r10
      b880000000     # mov eax, 128
      0f05           # syscall
      85c0           # test eax, eax
      78e6           # js again
      31ff           # xor edi, edi
      b8e7000000     # mov eax, 231
      0f05           # syscall
      0240000000000000 # set: SIGINT, SIGTERM
      0100000000000000 000000000000000000000000000000000000000000000000 # ignore: SIG_IGN`,
  },
  arm64: {
    machine: 183,
    code: `
      000080d2 # mov x0, 0
      81020010 # adr x1, set
      020080d2 # mov x2, 0
      030180d2 # mov x3, 8
      e81080d2 # mov x8, 135
      010000d4 # svc 0
      200280d2 # mov x0, 17
      01020010 # adr x1, ignore
      020080d2 # mov x2, 0
      c81080d2 # mov x8, 134
      010000d4 # svc 0
      40010010 # again: adr x0, set
      010080d2 # mov x1, 0
      020080d2 # mov x2, 0
      030180d2 # mov x3, 8
      281180d2 # mov x8, 137
      010000d4 # svc 0
      40ffffb7 # tbnz x0, 63, again
      000080d2 # mov x0, 0
      c80b80d2 # mov x8, 94
      010000d4 # svc 0
      0240000000000000 # set: SIGINT, SIGTERM
      0100000000000000 000000000000000000000000000000000000000000000000 # ignore: SIG_IGN`,
  },
};

/** Where it is loaded: a multiple of the largest page. */
const base = 0x400000n;
const pageSize = 0x10000n;
const fileHeaderSize = 64;
const programHeaderSize = 56;
const headersSize = fileHeaderSize + 2 * programHeaderSize;
const [PT_LOAD, PT_GNU_STACK] = [1, 0x6474e551];
const [PF_X, PF_W, PF_R] = [1, 2, 4];

/** A 64-bit little-endian ELF file (elf(5)) that is loaded whole, and begins with its code. */
function executable(machine: number, code: Uint8Array): Uint8Array {
  const size = headersSize + code.length;
  const header = Buffer.alloc(headersSize);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(2, 16); // ET_EXEC
  header.writeUInt16LE(machine, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(base + BigInt(headersSize), 24); // where it begins
  header.writeBigUInt64LE(BigInt(fileHeaderSize), 32);
  header.writeUInt16LE(fileHeaderSize, 52);
  header.writeUInt16LE(programHeaderSize, 54);
  header.writeUInt16LE(2, 56);
  header.set(programHeader(PT_LOAD, PF_R | PF_X, { address: base, size, align: pageSize }), fileHeaderSize);
  const stack = programHeader(PT_GNU_STACK, PF_R | PF_W, { address: 0n, size: 0, align: 16n });
  header.set(stack, fileHeaderSize + programHeaderSize);
  return Buffer.concat([header, code]);
}

function programHeader(
  type: number,
  flags: number,
  { address, size, align }: { readonly address: bigint; readonly size: number; readonly align: bigint },
): Uint8Array {
  const header = Buffer.alloc(programHeaderSize);
  header.writeUInt32LE(type, 0);
  header.writeUInt32LE(flags, 4);
  for (const at of [16, 24]) header.writeBigUInt64LE(address, at);
  for (const at of [32, 40]) header.writeBigUInt64LE(BigInt(size), at);
  header.writeBigUInt64LE(align, 48);
  return header;
}
