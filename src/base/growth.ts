import type { Bytes } from "./units.ts";

/** In the shared memory: how far it is (64 bits), and whether the reader waits. */
const [far, waiting] = [0, 2];
const memoryBytes = 16;

/** How far something has grown that one thread writes, from its beginning on, while another one reads it. */
export class Growth {
  /** To be handed to the other thread. */
  readonly memory: SharedArrayBuffer;
  readonly #far: BigInt64Array;
  readonly #flags: Int32Array;

  constructor(memory = new SharedArrayBuffer(memoryBytes)) {
    this.memory = memory;
    this.#far = new BigInt64Array(memory, 0, 1);
    this.#flags = new Int32Array(memory);
  }

  get bytes(): Bytes {
    return Number(Atomics.load(this.#far, far));
  }

  set bytes(value: Bytes) {
    Atomics.store(this.#far, far, BigInt(value));
  }

  /** True, once, when the reader has found nothing and waits to be told of more. */
  takeWaiting(): boolean {
    return Atomics.exchange(this.#flags, waiting, 0) === 1;
  }

  /** To be called by the reader before its last look, ahead of waiting. */
  setWaiting(): void {
    Atomics.store(this.#flags, waiting, 1);
  }
}
