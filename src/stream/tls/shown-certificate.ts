import type { Server } from "node:https";
import type { Logger } from "pino";
import { describeFault } from "../../base/fault.ts";
import type { KeyPair } from "../../wire/x509/self-signed.ts";
import { type CertificateSource, checkedCertificate } from "./certificate.ts";

/** The certificate that a server shows to its clients, which may change while it serves. */
export class ShownCertificate {
  readonly #server: Server;
  readonly #source: CertificateSource;
  readonly #minVersion: "TLSv1.2" | "TLSv1.3";
  readonly #log: Logger;
  #shown: KeyPair | undefined;
  #told: string | undefined;
  /** When it ends, in ms since 1970. */
  #until = 0;

  constructor(
    server: Server,
    source: CertificateSource,
    { minVersion, log }: { minVersion: "TLSv1.2" | "TLSv1.3"; log: Logger },
  ) {
    this.#server = server;
    this.#source = source;
    this.#minVersion = minVersion;
    this.#log = log;
  }

  /**
   * Shows what there is now. Where that is wrong, the one before is shown on: its files may be replaced one after the
   * other.
   *
   * @throws {Fault} unavailable when there never was a good one
   */
  renew(): void {
    const problem = this.#take();
    if (problem !== undefined && this.#shown === undefined) throw problem;
  }

  /** What is wrong with the one that there is now. */
  problem(): string | undefined {
    const problem = this.#take();
    if (problem !== undefined) return describeFault(problem);
    if (this.#until > Date.now()) return undefined;
    return `the certificate for streams has expired on ${new Date(this.#until).toISOString()}`;
  }

  #take(): unknown {
    try {
      const pair = this.#source.read();
      if (pair === this.#shown) return undefined;
      this.#server.setSecureContext({ ...pair, minVersion: this.#minVersion });
      this.#shown = pair;
      this.#until = checkedCertificate(pair).validToDate.getTime();
      this.#told = undefined;
      this.#log.info("streams show a new certificate");
      return undefined;
    } catch (error) {
      this.#tell(describeFault(error));
      return error;
    }
  }

  /** Once, not with every stream that is asked for. */
  #tell(problem: string): void {
    if (this.#told === problem) return;
    this.#told = problem;
    const state = this.#shown === undefined ? "none can be served" : "the one before is used on";
    this.#log.error({ err: problem }, `the certificate for streams can't be used: ${state}`);
  }
}
