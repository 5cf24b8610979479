import { parseArgs } from "node:util";
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
  await using network = await startNetwork({
    persistent: !values.fresh,
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
