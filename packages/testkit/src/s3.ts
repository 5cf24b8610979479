import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { paths } from "../../../tools/setup/paths.mjs";
import { spawnGuarded } from "./guarded-child.ts";
import { freePorts } from "./ports.ts";
import type { RunningServer } from "./postgres.ts";
import { keptSecret, makeServerFolder, type ServerFolder } from "./server-folder.ts";
import { ServerStartError, untilReady } from "./until-ready.ts";

export interface S3Options {
  /** Keeps the objects there; without it they go with the server. */
  readonly dataDir?: string;
  /** Of the S3 door. Default: a free one; with `dataDir` the one of the last time. */
  readonly port?: number;
}

export interface S3Access {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface S3Server extends RunningServer, S3Access {
  readonly port: number;
}

const region = "us-east-1";
const startAttempts = 3;

interface Ports {
  readonly s3: number;
  readonly s3Grpc: number;
  readonly filer: number;
  readonly filerGrpc: number;
  readonly volume: number;
  readonly volumeGrpc: number;
  readonly master: number;
  readonly masterGrpc: number;
}

/** A real S3 server (SeaweedFS) on 127.0.0.1, ready to make buckets and store objects. */
export async function startS3(options: S3Options = {}): Promise<S3Server> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      const lostPort = error instanceof ServerStartError && error.message.includes("address already in use");
      if (!lostPort || options.port !== undefined || attempt === startAttempts) throw error;
    }
  }
}

async function startOnce(options: S3Options): Promise<S3Server> {
  const folder = await makeServerFolder("s3", options.dataDir);
  const ports = await choosePorts(folder, options.port);
  const access: S3Access = {
    endpoint: `http://127.0.0.1:${ports.s3}`,
    region,
    accessKeyId: "gradients",
    secretAccessKey: await keptSecret(folder, "secret-access-key"),
  };
  const configFile = join(folder.path, "s3.json");
  await writeFile(configFile, JSON.stringify(identities(access)), { mode: 0o600 });
  const child = spawnGuarded({
    command: paths.weed,
    args: ["-logtostderr=true", "server", ...flags(folder, ports, configFile)],
    // One volume per bucket at a time instead of seven: buckets are many here and small.
    env: { WEED_MASTER_VOLUME_GROWTH_COPY_1: "1" },
    logFile: folder.logFile,
    // Asked to stop, it closes its volumes at once and then waits 15 s for its own parts to hang up: not worth waiting for.
    stopSignal: options.dataDir === undefined ? "KILL" : "TERM",
    stopTimeoutSeconds: 1,
    removeAtEnd: [...folder.removeAtEnd, ...socketsOf(ports)],
  });
  await untilReady({ server: "SeaweedFS", child, timeoutMs: 60_000, attempt: () => storeOnce(access) });
  return {
    ...access,
    port: ports.s3,
    logFile: folder.logFile,
    stop: child.stop,
    [Symbol.asyncDispose]: child.stop,
  };
}

/** Persistent data keep their ports: SeaweedFS names its parts by address. */
async function choosePorts(folder: ServerFolder, s3Port: number | undefined): Promise<Ports> {
  const file = join(folder.path, "ports.json");
  const known = await readFile(file, "utf8").then(
    (text) => JSON.parse(text) as Ports,
    () => undefined,
  );
  const ports = { ...(known ?? (await newPorts())), ...(s3Port === undefined ? {} : { s3: s3Port }) };
  await writeFile(file, JSON.stringify(ports));
  return ports;
}

async function newPorts(): Promise<Ports> {
  const [
    s3 = 0,
    s3Grpc = 0,
    filer = 0,
    filerGrpc = 0,
    volume = 0,
    volumeGrpc = 0,
    master = 0,
    masterGrpc = 0,
  ] = await freePorts(8);
  return { s3, s3Grpc, filer, filerGrpc, volume, volumeGrpc, master, masterGrpc };
}

function identities({ accessKeyId, secretAccessKey }: S3Access) {
  const actions = ["Admin", "Read", "Write", "List", "Tagging"];
  return {
    identities: [
      { name: "gradients", credentials: [{ accessKey: accessKeyId, secretKey: secretAccessKey }], actions },
    ],
  };
}

function flags({ path }: ServerFolder, ports: Ports, configFile: string): readonly string[] {
  const chosen: Record<string, string | number | boolean> = {
    dir: path,
    ip: "127.0.0.1",
    "ip.bind": "127.0.0.1",
    "master.port": ports.master,
    "master.port.grpc": ports.masterGrpc,
    // Volumes are files that grow: a small limit keeps what a deleted bucket leaves behind small.
    "master.volumeSizeLimitMB": 64,
    // It need not look for others before it leads.
    "master.peers": "none",
    // What it decided last time holds nothing that its volumes do not tell; going on from it sometimes costs a 15 s pause.
    "master.resumeState": false,
    "master.telemetry": false,
    "volume.port": ports.volume,
    "volume.port.grpc": ports.volumeGrpc,
    "volume.max": 0,
    "volume.preStopSeconds": 0,
    filer: true,
    "filer.port": ports.filer,
    "filer.port.grpc": ports.filerGrpc,
    "filer.localSocket": join(path, "filer.sock"),
    s3: true,
    "s3.port": ports.s3,
    "s3.port.grpc": ports.s3Grpc,
    "s3.port.iceberg": 0,
    "s3.port.lance": 0,
    "s3.localSocket": join(path, "s3.sock"),
    "s3.config": configFile,
  };
  return Object.entries(chosen).map(([name, value]) => `-${name}=${value}`);
}

/** SeaweedFS puts these in /tmp whatever it is told, and a killed one leaves them. */
function socketsOf({ s3Grpc, filerGrpc, volumeGrpc, masterGrpc }: Ports): readonly string[] {
  const parts = { s3: s3Grpc, filer: filerGrpc, volume: volumeGrpc, master: masterGrpc };
  return Object.entries(parts).map(([part, port]) => `/tmp/seaweedfs-${part}-grpc-${port}.sock`);
}

const readyBucket = "ready-check";

async function storeOnce(access: S3Access): Promise<void> {
  const client = createS3Client(access);
  try {
    await ignoreExisting(client.send(new CreateBucketCommand({ Bucket: readyBucket })));
    await client.send(new PutObjectCommand({ Bucket: readyBucket, Key: "probe", Body: "ready" }));
    await client.send(new DeleteObjectCommand({ Bucket: readyBucket, Key: "probe" }));
    await client.send(new DeleteBucketCommand({ Bucket: readyBucket }));
  } finally {
    client.destroy();
  }
}

export async function ignoreExisting(created: Promise<unknown>): Promise<void> {
  const known = ["BucketAlreadyExists", "BucketAlreadyOwnedByYou"];
  await created.catch((error: unknown) => {
    if (!(error instanceof Error) || !known.includes(error.name)) throw error;
  });
}

export function createS3Client({
  endpoint,
  region: ofRegion,
  accessKeyId,
  secretAccessKey,
}: S3Access): S3Client {
  return new S3Client({
    endpoint,
    region: ofRegion,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    requestChecksumCalculation: "WHEN_REQUIRED",
    maxAttempts: 1,
  });
}
