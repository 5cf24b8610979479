// A program for tests: starts the three servers, says where they are, and never stops them.
import { dirname } from "node:path";
import { startNats } from "../nats.ts";
import { startPostgres } from "../postgres.ts";
import { startS3 } from "../s3.ts";

const servers = await Promise.all([startPostgres({ durable: false }), startNats(), startS3()]);
process.stdout.write(
  `${JSON.stringify(servers.map(({ port, logFile }) => ({ port, folder: dirname(logFile) })))}\n`,
);
setInterval(() => {}, 60_000);
