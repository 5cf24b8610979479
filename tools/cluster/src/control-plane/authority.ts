// A library below x509 reads decorators and refuses to load without it.
import "reflect-metadata";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** Certificate and private key in PEM. */
interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface KeyPairFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Authority {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  /** Of a server, for its names and addresses. The files of that name are kept: a server stays who it is. */
  serverFiles(name: string, user: string, hosts: readonly string[]): Promise<KeyPairFiles>;
  /** Of a client: Kubernetes reads the user from the common name and the groups from the organisations. */
  clientFiles(name: string, user: string, groups?: readonly string[]): Promise<KeyPairFiles>;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const yearMs = 365 * 24 * 3600_000;

/** The certificate authority kept in `folder`; made when the folder holds none. */
export async function openAuthority(folder: string): Promise<Authority> {
  const files = { certFile: join(folder, "ca.crt"), keyFile: join(folder, "ca.key") };
  if (!existsSync(files.certFile)) await create(folder, files);
  const cert = await readFile(files.certFile, "utf8");
  const signer = { certificate: new X509Certificate(cert), key: await importKey(files.keyFile) };
  return {
    ...files,
    cert,
    serverFiles: (name, user, hosts) => keep(folder, name, () => issue(signer, { user, hosts })),
    clientFiles: (name, user, groups) =>
      keep(folder, name, () => issue(signer, { user, groups: groups ?? [] })),
  };
}

async function create(folder: string, { certFile, keyFile }: KeyPairFiles): Promise<void> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...validity(),
    name: "CN=gradients-test-cluster",
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature, true),
    ],
  });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(keyFile, await exportKey(keys.privateKey), { mode: 0o600 });
  // Last: an authority exists as soon as its certificate does.
  await writeFile(certFile, `${certificate.toString("pem")}\n`);
}

interface Signer {
  readonly certificate: X509Certificate;
  readonly key: CryptoKey;
}

interface Subject {
  readonly user: string;
  readonly groups?: readonly string[];
  /** Names and addresses of a server. */
  readonly hosts?: readonly string[];
}

async function issue(signer: Signer, { user, groups = [], hosts = [] }: Subject): Promise<KeyPair> {
  const keys = await newKeys();
  const usages = [ExtendedKeyUsage.clientAuth, ...(hosts.length > 0 ? [ExtendedKeyUsage.serverAuth] : [])];
  const certificate = await X509CertificateGenerator.create({
    ...validity(),
    subject: [{ CN: [user] }, ...groups.map((group) => ({ O: [group] }))],
    issuer: signer.certificate.subjectName,
    publicKey: keys.publicKey,
    signingKey: signer.key,
    signingAlgorithm: algorithm,
    extensions: [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(usages),
      ...(hosts.length > 0 ? [new SubjectAlternativeNameExtension(hosts.map(alternativeName))] : []),
    ],
  });
  return { cert: `${certificate.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
}

const alternativeName = (host: string) =>
  ({ type: /^[\d.]+$/.test(host) ? "ip" : "dns", value: host }) as const;

async function keep(folder: string, name: string, make: () => Promise<KeyPair>): Promise<KeyPairFiles> {
  const files = { certFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) };
  if (existsSync(files.certFile)) return files;
  const { cert, key } = await make();
  await writeFile(files.keyFile, key, { mode: 0o600 });
  await writeFile(files.certFile, cert);
  return files;
}

/** Backdated: the clocks of containers and hosts may differ a little. */
function validity(): { readonly notBefore: Date; readonly notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - 3600_000), notAfter: new Date(now + yearMs) };
}

const newKeys = () => crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);

async function exportKey(key: CryptoKey): Promise<string> {
  return `${PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;
}

async function importKey(file: string): Promise<CryptoKey> {
  const der = PemConverter.decodeFirst(await readFile(file, "utf8"));
  return crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
}
