/** OpenPGP keys as binary; those in ASCII armor (RFC 9580, 6.2) are taken out of it, block by block. */
export function withoutArmor(bytes: Buffer): Buffer {
  const text = bytes.toString("latin1");
  const blocks = text.matchAll(
    /^-----BEGIN PGP PUBLIC KEY BLOCK-----[ \t]*\r?\n(?:[^\r\n:]+: [^\r\n]*\r?\n)*[ \t]*\r?\n([A-Za-z0-9+/=\s]*?)^-----END PGP PUBLIC KEY BLOCK-----/gm,
  );
  const binary = [...blocks].map(([, body = ""]) =>
    Buffer.from(body.replace(/^=[A-Za-z0-9+/]{4}\s*$/m, ""), "base64"),
  );
  return binary.length === 0 ? bytes : Buffer.concat(binary);
}
