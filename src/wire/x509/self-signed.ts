import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import { bits, der, integer, objectId, octets, sequence, set, time, utf8, yes } from "./der.ts";

/** Both in PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says. */
export interface Subject {
  readonly commonName: string;
  /** DNS names and IP addresses that it is for. */
  readonly names: readonly string[];
  readonly from: Date;
  readonly until: Date;
}

const ecdsaWithSha256 = "1.2.840.10045.4.3.2";
const commonNameId = "2.5.4.3";
const serverAuth = "1.3.6.1.5.5.7.3.1";
const extensionIds = {
  subjectKey: "2.5.29.14",
  keyUsage: "2.5.29.15",
  alternativeNames: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  extendedKeyUsage: "2.5.29.37",
} as const;
const digitalSignature = 0x80;

/** A new key on P-256, and a certificate for a TLS server that it signs itself (RFC 5280, section 4). */
export function selfSigned({ commonName, names, from, until }: Subject): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = sequence(objectId(ecdsaWithSha256));
  const name = sequence(set(sequence(objectId(commonNameId), utf8(commonName))));
  const subjectKey = publicKey.export({ type: "spki", format: "der" });
  const signed = sequence(
    der(0xa0, integer(Buffer.from([2]))), // version 3
    integer(serial()),
    algorithm,
    name,
    sequence(time(from), time(until)),
    name,
    subjectKey,
    der(0xa3, sequence(...extensions(names, subjectKey))),
  );
  const certificate = sequence(signed, algorithm, bits(sign("sha256", signed, privateKey)));
  return { cert: pem(certificate), key: String(privateKey.export({ type: "pkcs8", format: "pem" })) };
}

/** Positive, and in as few bytes as it takes, as DER wants it. */
function serial(): Buffer {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes;
}

function extensions(names: readonly string[], subjectKey: Buffer): Buffer[] {
  const keyId = createHash("sha1").update(subjectKey).digest();
  return [
    extension(extensionIds.basicConstraints, true, sequence()), // no authority
    extension(extensionIds.keyUsage, true, bits(Buffer.from([digitalSignature]), 7)),
    extension(extensionIds.extendedKeyUsage, false, sequence(objectId(serverAuth))),
    extension(extensionIds.subjectKey, false, octets(keyId)),
    extension(extensionIds.alternativeNames, false, sequence(...names.map(alternativeName))),
  ];
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  return sequence(objectId(id), ...(isCritical ? [yes] : []), octets(value));
}

function alternativeName(name: string): Buffer {
  const family = isIP(name);
  if (family === 0) return der(0x82, Buffer.from(name, "latin1"));
  return der(0x87, family === 4 ? Buffer.from(name.split(".").map(Number)) : ipv6Bytes(name));
}

function ipv6Bytes(address: string): Buffer {
  // "::" stands for as many zeros as are missing; a dotted tail for two groups
  const dotted = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [a * 256 + Number(b), c * 256 + Number(d)].map((group) => group.toString(16)).join(":"),
  );
  const [head = [], tail = []] = dotted.split("::").map((part) => part.split(":").filter(Boolean));
  const zeros = Array<string>(8 - head.length - tail.length).fill("0");
  const bytes = Buffer.alloc(16);
  for (const [at, group] of [...head, ...zeros, ...tail].entries())
    bytes.writeUInt16BE(Number.parseInt(group, 16), at * 2);
  return bytes;
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
