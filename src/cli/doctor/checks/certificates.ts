import { readRegistryHosts } from "../../../spec/registry-hosts-file.ts";
import { type Finding, note } from "../finding.ts";
import { type CertificateUse, judgeCertificate } from "../judge-certificate.ts";
import type { NodeView } from "../node-view.ts";
import { configuredRegistries } from "../probe-registry.ts";

const ofRegistry: CertificateUse = {
  fails: "pulls from that registry fail",
  correct: "put the right file there, or correct its name in hosts.toml",
  counts: "the next pull",
  exposed: "whoever reads it can pull as this node does",
};

const ofStreams: CertificateUse = {
  fails: "kubectl exec, attach and port-forward fail",
  correct: "put the right file there, or correct its name: streaming.certFile, streaming.keyFile",
  counts: "the next stream",
  exposed: "whoever reads it can pass for this node's streams",
};

/** The certificates and keys of certs.d and of the streams: there, readable, valid today, and fitting one another. */
export async function checkCertificates(node: NodeView): Promise<Finding[]> {
  return (await Promise.all([registryCertificates(node), streamsCertificate(node)])).flat();
}

async function registryCertificates({ config }: NodeView): Promise<Finding[]> {
  const certsDir = config.registry.configPath;
  const names = await configuredRegistries(certsDir);
  const all = await Promise.all(
    // A mistake in a file is told by the registries' check.
    names.map((name) => readRegistryHosts(certsDir, name).catch(() => ({ hosts: [] }))),
  );
  const files = all.flatMap(({ hosts }) => hosts).map(({ tls }) => tls);
  const authorities = new Set(files.flatMap(({ ca = [] }) => ca));
  const clients = new Map(files.flatMap(({ client = [] }) => client).map((pair) => [pair.cert, pair.key]));
  if (authorities.size + clients.size === 0) return [note(`${certsDir} names no certificates`)];
  const found = await Promise.all([
    ...[...authorities].map((file) => judgeCertificate(file, undefined, ofRegistry)),
    ...[...clients].map(([cert, key]) => judgeCertificate(cert, key, ofRegistry)),
  ]);
  return found.flat();
}

/** One of the daemon's own is renewed by it. */
async function streamsCertificate({ config: { streaming } }: NodeView): Promise<Finding[]> {
  const { tls, certFile, keyFile } = streaming;
  return tls && certFile !== "" ? await judgeCertificate(certFile, keyFile, ofStreams) : [];
}
