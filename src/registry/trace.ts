import type { Ms } from "../base/units.ts";
import type { RegistryHost } from "../spec/registry-host.ts";
import type { Challenge } from "./challenge.ts";
import type { FoundCredential } from "./credential-sources.ts";

/** What a server shows of itself in a TLS handshake, and whether that is trusted. */
export interface TlsFacts {
  /** `TLSv1.3`. */
  readonly version: string;
  readonly subject: string;
  readonly issuer: string;
  /** The names and addresses that the certificate is for. */
  readonly names: readonly string[];
  readonly validTo: string;
  /** Why it is not trusted: OpenSSL's code. Undefined: it is. */
  readonly problem: string | undefined;
}

/** One connection: how long each part of its making took; undefined where that can't be seen or did not come. */
export interface ConnectionFacts {
  readonly host: string;
  /** The proxy's address without its password; undefined: none. */
  readonly proxy: string | undefined;
  readonly addresses: readonly string[];
  readonly lookup: Ms | undefined;
  readonly connect: Ms | undefined;
  readonly handshake: Ms | undefined;
  readonly tls: TlsFacts | undefined;
  readonly reused: boolean;
}

/** What happens on the way to a registry, as it happens. None of it holds a secret. */
export type RegistryEvent =
  | { readonly kind: "hosts"; readonly from: string | undefined; readonly hosts: readonly RegistryHost[] }
  /** Nothing there speaks TLS, and it is this very machine. */
  | { readonly kind: "plain"; readonly host: string }
  | { readonly kind: "connection"; readonly facts: ConnectionFacts }
  | {
      readonly kind: "answer";
      readonly method: string;
      readonly url: string;
      readonly status: number;
      readonly took: Ms;
    }
  | { readonly kind: "challenge"; readonly challenge: Challenge; readonly from: string }
  | { readonly kind: "credential"; readonly host: string; readonly found: FoundCredential }
  | { readonly kind: "token"; readonly realm: string; readonly took: Ms; readonly life: Ms };

/** Is told of what happens. */
export type Tell = (event: RegistryEvent) => void;
