import { Readable } from "node:stream";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { GatewayService } from "@gradients/contracts/gateway";
import { datasetUpload, untilChecked } from "@gradients/dev/dataset-upload";
import { type System, startSystem } from "@gradients/faults/system";
import { createObjectStore, type ObjectStore } from "@gradients/objects";
import { createRpcClient, type RpcClient } from "@gradients/rpc";
import { type Benchmark, type Findings, figureTable, type RunOptions } from "../benchmark.ts";
import { sampleOf } from "../processes.ts";
import { median, slope } from "../statistics.ts";

export const objectsBenchmark: Benchmark = {
  name: "objects",
  title: "Uploads and downloads",
  about: "throughput and memory of uploads through the gateway and of checked downloads, beside bare S3",
  minutes: 4,
  run,
};

const MIB = 2 ** 20;
const BUCKET = "gradients";
const CHUNK_BYTES = 256 * 1024;

interface Round {
  readonly upload: number;
  readonly put: number;
  readonly download: number;
  readonly get: number;
}

async function run({ isQuick, say }: RunOptions): Promise<Findings> {
  await using system = await startSystem();
  using world = openWorld(system);
  const content = rowsOf((isQuick ? 4 : 64) * MIB);
  const rounds: Round[] = [];
  const memory: [gib: number, mib: number][] = [];
  const pid = await system.services.gateway.pid();
  await oneRound(world, content);
  for (let index = 0; index < (isQuick ? 2 : 8); index += 1) {
    rounds.push(await oneRound(world, content));
    memory.push([(index * content.length) / 2 ** 30, (sampleOf(pid)?.rssBytes ?? 0) / MIB]);
    say(`  round ${index + 1}: upload ${rounds.at(-1)?.upload.toFixed(0)} MiB/s`);
  }
  const middle = (pick: (round: Round) => number) => median(rounds.map(pick));
  const unit = "MiB/s";
  return {
    method: `Data sets of ${Math.round(content.length / MIB)} MiB, in turns with the bare S3 client on the same bytes. An upload goes through the gateway's gRPC stream, which hashes it and stores it in parts; its check, which reads the object again, is waited for and not counted. A download does not pass the gateway: links are presigned; what is measured is our object store's read, which checks the digest as it goes. Medians of ${rounds.length} rounds.`,
    tables: [
      figureTable([
        {
          what: "upload through the gateway",
          value: middle(({ upload }) => upload),
          unit,
          beside: { what: "bare PutObject", value: middle(({ put }) => put) },
        },
        {
          what: "download with its digest checked",
          value: middle(({ download }) => download),
          unit,
          beside: { what: "bare GetObject", value: middle(({ get }) => get) },
        },
        { what: "gateway's resident memory at the end", value: memory.at(-1)?.[1] ?? 0, unit: "MiB" },
        { what: "its slope", value: slope(memory), unit: "MiB per GiB uploaded" },
      ]),
    ],
    versions: {},
  };
}

interface World extends Disposable {
  readonly gateway: RpcClient<typeof GatewayService>;
  readonly s3: S3Client;
  readonly store: ObjectStore;
}

function openWorld(system: System): World {
  const { endpoint, region, accessKeyId, secretAccessKey } = system.servers.s3;
  const gateway = createRpcClient(GatewayService, {
    target: system.targets.gateway,
    token: system.apiKey,
    defaultDeadlineMs: 600_000,
  });
  const s3 = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
  });
  const store = createObjectStore({ endpoint, region, accessKeyId, secretAccessKey, bucket: BUCKET });
  return {
    gateway,
    s3,
    store,
    [Symbol.dispose]: () => {
      gateway.close();
      s3.destroy();
    },
  };
}

async function oneRound({ gateway, s3, store }: World, content: Buffer): Promise<Round> {
  const project = (await gateway.getCaller({})).project;
  const mib = content.length / MIB;
  const header = { parent: project, fileName: "bench.jsonl", size: BigInt(content.length) };
  let name = "";
  const upload = await rate(mib, async () => {
    name = (await gateway.uploadDataset(datasetUpload(header, chunksOf(content)))).dataset?.name ?? "";
  });
  await untilChecked(gateway, name);
  const put = await rate(mib, async () => {
    await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: "bench/bare", Body: content }));
  });
  const ref = await store.put("bench/ours", Readable.from(chunksOf(content)));
  const download = await rate(mib, async () => drain(store.get(ref)));
  const get = await rate(mib, async () => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: "bench/bare" }));
    await drain(Body as Readable);
  });
  return { upload, put, download, get };
}

async function rate(mib: number, work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return mib / ((performance.now() - startedAt) / 1000);
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream); // to its end
}

function* chunksOf(content: Buffer): Iterable<Buffer> {
  for (let at = 0; at < content.length; at += CHUNK_BYTES) yield content.subarray(at, at + CHUNK_BYTES);
}

/** Rows of a kilobyte, no two alike. */
function rowsOf(bytes: number): Buffer {
  const filler = "lorem ipsum dolor sit amet ".repeat(34);
  const lines = Array.from(
    { length: Math.ceil(bytes / 1024) },
    (_, index) =>
      `${JSON.stringify({ instruction: `Row ${index}: ${filler}`, output: `answer ${index}` })}\n`,
  );
  return Buffer.from(lines.join(""));
}
