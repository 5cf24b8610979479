import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { stringify } from "yaml";
import type { KeyPair } from "./authority.ts";

export interface Access {
  readonly url: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly authority: string;
  readonly client: KeyPair;
}

const name = "gradients";

/** Writes a kubeconfig that needs no other file. Only its owner may read it. */
export async function writeKubeconfig(file: string, { url, authority, client }: Access): Promise<string> {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const content = stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: url, "certificate-authority-data": base64(authority) } }],
    users: [
      {
        name,
        user: {
          "client-certificate-data": base64(client.cert),
          "client-key-data": base64(client.key),
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  });
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, content, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return file;
}

/** The port that a kubeconfig of this tool names, if the file exists: servers that start again listen where their clients look. */
export async function keptPort(file: string): Promise<number | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  const port = text === undefined ? undefined : /server: https:\/\/[^:]+:(\d+)/.exec(text)?.[1];
  return port === undefined ? undefined : Number(port);
}
