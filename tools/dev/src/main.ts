import { rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { paths } from "../../setup/paths.mjs";
import { startNetwork } from "./network.ts";

const HELP = `npm run dev -- [options]

Runs the whole product on this machine in one process: real PostgreSQL, NATS, S3 and a local chain as its children.

  --fresh         forget the data of earlier runs
  --log <level>   debug, info, warn or error   [info]
  --http <port>   REST and web page            [8080]
  --grpc <port>   public gRPC                  [50051]
  --help          this text

Ctrl-C stops everything.
`;

const { values } = parseArgs({
  options: {
    fresh: { type: "boolean", default: false },
    log: { type: "string", default: "info" },
    http: { type: "string", default: "8080" },
    grpc: { type: "string", default: "50051" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else await serve();

async function serve(): Promise<void> {
  const interrupted = untilInterrupted();
  if (values.fresh) await forget();
  await using network = await startNetwork({
    persistent: true,
    logLevel: logLevel(values.log),
    ports: { http: Number(values.http), grpc: Number(values.grpc) },
    onUp: (part, address) => console.log(`${part.padEnd(16)} ${address}`),
  });
  const http = network.addresses.gateway["http"] ?? "";
  console.log(
    `\nWeb page   ${http}/#key=${network.apiKey}\nAPI key    ${network.apiKey}\nCtrl-C stops everything.\n`,
  );
  await Promise.race([interrupted, network.died]);
}

/** Removes what earlier runs kept. */
async function forget(): Promise<void> {
  const { postgres, nats, s3 } = paths.dev;
  for (const folder of [postgres, nats, s3, join(paths.cache, "dev")])
    await rm(folder, { recursive: true, force: true });
}

function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}

function logLevel(text: string): "debug" | "info" | "warn" | "error" {
  if (text === "debug" || text === "info" || text === "warn" || text === "error") return text;
  throw new Error(`--log takes debug, info, warn or error; found "${text}"`);
}
