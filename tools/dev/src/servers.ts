import { type DevChain, devAccounts, startDevChain } from "@gradients/dev-chain";
import {
  type Nats,
  type Postgres,
  type S3Server,
  startNats,
  startPostgres,
  startS3,
} from "@gradients/testkit";

/** The real servers that the services stand on, as child processes of this one, and the local chain inside it. */
export interface Servers extends AsyncDisposable {
  readonly postgres: Postgres;
  readonly nats: Nats;
  readonly s3: S3Server;
  readonly chain: DevChain;
}

/** Where the servers keep their data; without it they go with the servers. */
export interface ServerFolders {
  readonly postgres: string;
  readonly nats: string;
  readonly s3: string;
}

/** Starts all of them at once; when one fails, those that started are stopped again. */
export async function startServers(folders?: ServerFolders): Promise<Servers> {
  const started = await Promise.allSettled([
    startPostgres(folders ? { dataDir: folders.postgres } : {}),
    startNats(folders ? { dataDir: folders.nats } : {}),
    startS3(folders ? { dataDir: folders.s3 } : {}),
    devAccounts().then((accounts) =>
      startDevChain({ accounts, blockMs: 1_000, tempo: 10, finalityLagBlocks: 2 }),
    ),
  ] as const);
  const [postgres, nats, s3, chain] = started;
  if (
    postgres.status === "fulfilled" &&
    nats.status === "fulfilled" &&
    s3.status === "fulfilled" &&
    chain.status === "fulfilled"
  ) {
    const servers = { postgres: postgres.value, nats: nats.value, s3: s3.value, chain: chain.value };
    return { ...servers, [Symbol.asyncDispose]: () => stopServers(servers) };
  }
  await Promise.allSettled(
    started.filter((result) => result.status === "fulfilled").map(({ value }) => stopOne(value)),
  );
  const failed = started.find((result) => result.status === "rejected");
  throw new Error("A server did not start", { cause: failed?.reason });
}

async function stopServers({
  postgres,
  nats,
  s3,
  chain,
}: Omit<Servers, typeof Symbol.asyncDispose>): Promise<void> {
  await Promise.allSettled([chain, s3, nats, postgres].map(stopOne));
}

function stopOne(server: Postgres | Nats | S3Server | DevChain): Promise<void> {
  return "stop" in server ? server.stop() : server.close();
}
