import { Buffer } from "node:buffer";

/** Where the program is mapped. */
const address = 0x400000n;
const headers = 64 + 56;
const words = (...values: readonly number[]) => Buffer.from(Uint32Array.from(values).buffer);

/** By the name that Node has for the processor: its number in ELF, and what makes a system call there. */
const machines: Readonly<Record<string, { readonly number: number; code(call: number): Buffer }>> = {
  x64: {
    number: 62,
    code: (call) =>
      Buffer.concat([
        Buffer.from([0xb8]), // mov eax, call
        words(call),
        Buffer.from([0x31, 0xff, 0x31, 0xf6, 0x31, 0xd2, 0x45, 0x31, 0xd2]), // xor edi, esi, edx, r10d
        Buffer.from([0x0f, 0x05, 0xf7, 0xd8, 0x89, 0xc7]), // syscall; neg eax; mov edi, eax
        Buffer.from([0xb8, 0xe7, 0, 0, 0, 0x0f, 0x05]), // exit_group
      ]),
  },
  arm64: {
    number: 183,
    code: (call) =>
      words(
        ...[0xd2800008 + call * 32, 0xd2800000, 0xd2800001, 0xd2800002, 0xd2800003], // mov x8, call; x0 to x3: 0
        ...[0xd4000001, 0x4b0003e0, 0xd2800bc8, 0xd4000001], // svc; neg w0, w0; exit_group
      ),
  },
};

/** A program that makes the system call of that number, every argument 0, and exits with its error's number, 0 for none. */
export function systemCallProgram(call: number): Uint8Array {
  const machine = machines[process.arch];
  if (machine === undefined) throw new Error(`no program for ${process.arch} is known`);
  const code = machine.code(call);
  const program = Buffer.alloc(headers);
  // elf(5): Elf64_Ehdr, with one Elf64_Phdr behind it
  program.set([0x7f, ...Buffer.from("ELF"), 2, 1, 1]);
  program.writeUInt16LE(2, 16);
  program.writeUInt16LE(machine.number, 18);
  program.writeUInt32LE(1, 20);
  program.writeBigUInt64LE(address + BigInt(headers), 24);
  program.writeBigUInt64LE(64n, 32);
  for (const [index, value] of [64, 56, 1].entries()) program.writeUInt16LE(value, 52 + 2 * index);
  program.writeUInt32LE(1, 64);
  program.writeUInt32LE(5, 68);
  for (const offset of [80, 88]) program.writeBigUInt64LE(address, offset);
  for (const offset of [96, 104]) program.writeBigUInt64LE(BigInt(headers + code.length), offset);
  program.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([program, code]);
}
