import { Fault } from "../../base/fault.ts";

/** How many bits the code of each octet has; the code is canonical, so that they say it all (RFC 7541, appendix B). */
const codeLengths = [
  ...[
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28,
  ],
  ...[
    28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6,
    7,
  ],
  ...[
    8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13,
    19,
  ],
  ...[
    13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14,
    13,
  ],
  ...[
    28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23,
    21,
  ],
  ...[
    22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21,
    23,
  ],
  ...[
    22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24,
    25,
  ],
  ...[
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22,
    25,
  ],
  ...[25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
];
const longestCode = 30;
/** The end-of-string symbol, of the longest code: it may not be sent. */
const endOfString = 256;

/** For each length: its first code, and the symbols of its codes in their order. */
interface CodesOfLength {
  readonly first: number;
  readonly symbols: readonly number[];
}

let codes: readonly CodesOfLength[] | undefined;

function makeCodes(): readonly CodesOfLength[] {
  const symbolsOf: number[][] = Array.from({ length: longestCode + 1 }, () => []);
  for (const [symbol, length] of codeLengths.entries()) symbolsOf[length]?.push(symbol);
  symbolsOf[longestCode]?.push(endOfString);
  let next = 0;
  return symbolsOf.map((symbols) => {
    const first = next;
    next = (first + symbols.length) * 2;
    return { first, symbols };
  });
}

/** The octets of a string that was coded for HPACK. @throws {Fault} corrupt */
export function decodeHuffman(coded: Uint8Array): Buffer {
  codes ??= makeCodes();
  // No code is shorter than five bits.
  const octets = Buffer.allocUnsafe(Math.floor((coded.length * 8) / 5));
  let count = 0;
  let code = 0;
  let length = 0;
  for (const byte of coded) {
    for (let bit = 7; bit >= 0; bit--) {
      code = (code << 1) | ((byte >> bit) & 1);
      length += 1;
      const { first, symbols } = codes[length] as CodesOfLength;
      const symbol = symbols[code - first];
      if (symbol === undefined) continue;
      if (symbol === endOfString) throw new Fault("corrupt", "a coded string holds its own end");
      octets[count++] = symbol;
      code = 0;
      length = 0;
    }
  }
  // What is left over must be the beginning of the end-of-string symbol: ones, less than a byte of them.
  if (length > 7 || code !== (1 << length) - 1) throw new Fault("corrupt", "a coded string is cut short");
  return octets.subarray(0, count);
}
