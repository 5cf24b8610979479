import { request } from "node:http";
import { json } from "node:stream/consumers";

const timeoutMs = 5_000;

/** Calls etcd's JSON gateway on its unix socket. */
export function callEtcd(socketPath: string, path: string, body: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { socketPath, path, method: "POST", agent: false, signal: AbortSignal.timeout(timeoutMs) },
      (response) => {
        if (response.statusCode === 200) json(response).then(resolve, reject);
        else reject(new Error(`etcd answered ${path} with ${response.statusCode}`));
      },
    );
    outgoing.on("error", reject);
    outgoing.end(JSON.stringify(body));
  });
}

/** Drops all history, as happens every five minutes in a busy cluster. */
export async function compactEtcd(socketPath: string): Promise<void> {
  const status = (await callEtcd(socketPath, "/v3/maintenance/status", {})) as {
    readonly header: { readonly revision: string };
  };
  await callEtcd(socketPath, "/v3/kv/compaction", { revision: status.header.revision, physical: true });
}
