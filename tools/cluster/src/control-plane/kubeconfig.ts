import { readFile } from "node:fs/promises";
import { stringify } from "yaml";
import { writeStable } from "../write-stable.ts";
import type { KeyPairFiles } from "./authority.ts";

export interface Access {
  readonly url: string;
  /** File of the authority that signed the server's certificate. */
  readonly authority: string;
  readonly client: KeyPairFiles;
}

const name = "gradients";

/** Writes a kubeconfig that needs no other file. Only its owner may read it. */
export async function writeKubeconfig(file: string, { url, authority, client }: Access): Promise<string> {
  const encoded = async (path: string) => (await readFile(path)).toString("base64");
  const content = stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: url, "certificate-authority-data": await encoded(authority) } }],
    users: [
      {
        name,
        user: {
          "client-certificate-data": await encoded(client.certFile),
          "client-key-data": await encoded(client.keyFile),
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  });
  return writeStable(file, content);
}

/** The port that a kubeconfig of this tool names, if the file exists: servers that start again listen where their clients look. */
export async function keptPort(file: string): Promise<number | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  const port = text === undefined ? undefined : /server: https:\/\/[^:]+:(\d+)/.exec(text)?.[1];
  return port === undefined ? undefined : Number(port);
}
