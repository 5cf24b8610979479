import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { type Bus, connectBus, event, publishProgress } from "@gradients/bus";
import { decodeEvent } from "@gradients/contracts/catalogue";
import type { AttemptProgressSchema } from "@gradients/contracts/event";
import { type Dataset, Dataset_State, GatewayService, type Job } from "@gradients/contracts/gateway";
import { SchedulerService } from "@gradients/contracts/scheduler";
import { checkInvariants, createDatabase, type Database, ensureSchema } from "@gradients/db";
import { createObjectStore, type ObjectStore } from "@gradients/objects";
import { bind, createRpcClient, createRpcPart, type RpcClient, RpcError } from "@gradients/rpc";
import { composeService, createLogger, type Service } from "@gradients/runtime";
import { createTestDatabase, testBucket, testNats } from "@gradients/testkit";
import { headers as natsHeaders } from "nats";
import { expect, vi } from "vitest";
import { loadConfig } from "../config.ts";
import { formatApiKey } from "../domain/api-key.ts";
import { createGateway, registerModel } from "../gateway.ts";
import { invariants } from "../store/invariants.ts";
import type { GatewayTables } from "../store/schema.ts";
import { writeTinyModel } from "./tiny-model.ts";

type GatewayClient = RpcClient<typeof GatewayService>;

/** One customer: a project with a key. */
export interface Customer {
  readonly key: string;
  readonly project: string;
  readonly client: GatewayClient;
}

/** The gateway on real servers, with a model registered and a scheduler that offers recipes. */
export interface World extends AsyncDisposable {
  readonly bus: Bus;
  readonly db: Database<GatewayTables>;
  readonly objects: ObjectStore;
  /** Keys of all objects below a prefix. */
  listObjects(prefix: string): Promise<readonly string[]>;
  /** Keys of multipart uploads that were neither completed nor given up. */
  openMultiparts(): Promise<readonly string[]>;
  readonly env: Readonly<Record<string, string>>;
  /** Where the registered model came from. */
  readonly modelFolder: string;
  /** Puts another tokenizer configuration into that folder. */
  changeModelFolder(): Promise<void>;
  readonly model: string;
  readonly grpc: string;
  readonly http: string;
  /** The bootstrap key's owner. */
  readonly customer: Customer;
  readonly otherCustomer: Customer;
  client(key: string): GatewayClient;
  /** Publishes an event as its owner's relay does; the same id again is a second delivery. */
  publish<S extends DescMessage>(
    schema: S,
    message: MessageInitShape<S> & { readonly jobId: string },
    eventId?: string,
  ): Promise<void>;
  progress(message: MessageInitShape<typeof AttemptProgressSchema>): void;
  seen<S extends DescMessage>(schema: S): readonly MessageShape<S>[];
  /** Stops the gateway and starts it again, on other ports. */
  restart(): Promise<void>;
}

export async function createWorld(more: Readonly<Record<string, string>> = {}): Promise<World> {
  await using cleanup = new AsyncDisposableStack();
  const logger = createLogger({ service: "test", level: "silent" });
  const database = cleanup.use(await createTestDatabase());
  const role = `gateway_${database.name}`;
  const databaseUrl = await ensureSchema(database.url, { schema: "gateway", role, password: "test" });
  const nats = await testNats();
  cleanup.defer(() => nats.stop());
  const s3 = await testBucket();
  const folder = await mkdtemp(join(tmpdir(), "gateway-"));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const bus = await connectBus({ servers: [nats.url], name: "test" }, logger);
  cleanup.defer(() => bus.close());
  const objects = createObjectStore(s3);
  cleanup.defer(async () => objects.close());
  const credentials = { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey };
  const bucket = new S3Client({
    endpoint: s3.endpoint,
    region: s3.region,
    credentials,
    forcePathStyle: true,
  });
  cleanup.defer(async () => bucket.destroy());
  const db = createDatabase<GatewayTables>(
    { url: databaseUrl, schema: "gateway", applicationName: "test", poolSize: 2 },
    logger,
  );
  cleanup.defer(() => db.close());
  const scheduler = await start(schedulerOffer());
  cleanup.defer(() => scheduler.stop());
  await writeFile(join(folder, "sample.jsonl"), instructRows(80));
  await writeFile(join(folder, "sample.LICENSE.txt"), "Made for tests. CC0.\n");
  const keys = [formatApiKey(randomBytes(37)), formatApiKey(randomBytes(37))] as const;
  const env = {
    GATEWAY_LOG_LEVEL: "warn",
    GATEWAY_GRPC_PORT: "0",
    GATEWAY_HTTP_PORT: "0",
    GATEWAY_DATABASE_URL: databaseUrl,
    GATEWAY_NATS_SERVERS: nats.url,
    GATEWAY_OBJECTS_ENDPOINT: s3.endpoint,
    GATEWAY_OBJECTS_REGION: s3.region,
    GATEWAY_OBJECTS_BUCKET: s3.bucket,
    GATEWAY_OBJECTS_ACCESS_KEY_ID: s3.accessKeyId,
    GATEWAY_OBJECTS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    GATEWAY_SCHEDULER_TARGET: scheduler.addresses["grpc"] ?? "",
    GATEWAY_SAMPLE_DATASET: join(folder, "sample.jsonl"),
    ...more,
  };
  const seen = collectEvents(bus);
  await writeTinyModel(join(folder, "model"));
  const model = { folder: join(folder, "model"), id: "tiny", displayName: "Tiny", license: "CC0-1.0" };
  await registerModel(loadConfig({ env, argv: [] }), model);
  const boot = (key: string) =>
    start(() => createGateway(loadConfig({ env: { ...env, GATEWAY_BOOTSTRAP_KEY: key }, argv: [] })));
  await (await boot(keys[1])).stop(); // a second project of its own
  let gateway = await boot(keys[0]);
  cleanup.defer(() => gateway.stop());
  const clients: GatewayClient[] = [];
  cleanup.defer(async () => clients.forEach((client) => client.close()));
  const client = (token: string) => {
    const made = createRpcClient(GatewayService, {
      target: gateway.addresses["grpc"] ?? "",
      token,
      defaultDeadlineMs: 20_000,
      ...(more["GATEWAY_TLS_CERTIFICATE"] && { tls: { ca: Buffer.from(more["GATEWAY_TLS_CERTIFICATE"]) } }),
    });
    clients.push(made);
    return made;
  };
  const customer = async (key: string): Promise<Customer> => {
    const own = client(key);
    const { project } = await own.getCaller({});
    return { key, project, client: own };
  };
  let customers = [await customer(keys[0]), await customer(keys[1])] as const;
  const owned = cleanup.move();
  return {
    bus,
    db,
    objects,
    listObjects: async (Prefix) => {
      const { Contents = [] } = await bucket.send(new ListObjectsV2Command({ Bucket: s3.bucket, Prefix }));
      return Contents.map(({ Key = "" }) => Key);
    },
    openMultiparts: async () => {
      const { Uploads = [] } = await bucket.send(new ListMultipartUploadsCommand({ Bucket: s3.bucket }));
      return Uploads.map(({ Key = "" }) => Key);
    },
    env,
    modelFolder: model.folder,
    changeModelFolder: () => writeFile(join(model.folder, "tokenizer_config.json"), "{}"),
    model: "models/tiny",
    get grpc() {
      return gateway.addresses["grpc"] ?? "";
    },
    get http() {
      return gateway.addresses["http"] ?? "";
    },
    get customer() {
      return customers[0];
    },
    get otherCustomer() {
      return customers[1];
    },
    client,
    publish: (schema, message, eventId) => publish(bus, schema, message, eventId),
    progress: (message) => publishProgress(bus, message),
    seen,
    restart: async () => {
      await gateway.stop();
      gateway = await boot(keys[0]);
      customers = [await customer(keys[0]), await customer(keys[1])]; // it listens on other ports now
    },
    [Symbol.asyncDispose]: async () => {
      await using _ = owned;
      expect(await checkInvariants(db, invariants, { windowHours: 24 })).toEqual([]);
    },
  };
}

/** `count` different rows of instruct data as JSON Lines. */
export function instructRows(count: number): string {
  return Array.from({ length: count }, (_, index) => `${JSON.stringify(instructRow(index))}\n`).join("");
}

export function instructRow(index: number) {
  return { instruction: "Name the number.", input: `${index}`, output: `The number ${index}.` };
}

export interface UploadOptions {
  readonly fileName?: string;
  readonly size?: bigint;
  readonly sha256?: string;
  readonly requestId?: string;
  readonly columns?: { readonly instruction: string; readonly output: string };
  readonly model?: string;
}

/** Uploads in chunks over gRPC. */
export async function upload(
  { client, project }: Customer,
  content: string | Uint8Array,
  options: UploadOptions = {},
): Promise<Dataset> {
  const { fileName = "data.jsonl", columns, ...rest } = options;
  const header = {
    parent: project,
    fileName,
    ...rest,
    ...(columns && { columns: { shape: { case: "instruct" as const, value: columns } } }),
  };
  const { dataset } = await client.uploadDataset(messagesOf(header, Buffer.from(content)));
  if (!dataset) throw new Error("The upload was answered without a data set");
  return dataset;
}

async function* messagesOf(header: object, content: Buffer) {
  yield { content: { case: "header" as const, value: header } };
  const size = Math.max(1024, Math.ceil(content.length / 100)); // many chunks, whatever the size
  for (let start = 0; start < content.length; start += size) {
    yield { content: { case: "chunk" as const, value: content.subarray(start, start + size) } };
  }
}

/** The data set once its check has ended. */
export function checked({ client }: Customer, name: string): Promise<Dataset> {
  return vi.waitFor(
    async () => {
      const { dataset } = await client.getDataset({ name });
      if (!dataset || dataset.state === Dataset_State.CHECKING) throw new Error("still checking");
      return dataset;
    },
    { timeout: 15_000, interval: 50 },
  );
}

/** A job on a fresh, checked data set. */
export async function newJob(world: World, customer = world.customer): Promise<Job> {
  const dataset = await checked(customer, (await upload(customer, instructRows(80))).name);
  const { job } = await customer.client.createJob({
    parent: customer.project,
    job: { model: world.model, dataset: dataset.name, contestants: 2, budgetSeconds: 30 },
  });
  if (!job) throw new Error("The job was answered without a job");
  return job;
}

export function idOf(name: string): string {
  return name.split("/").at(-1) ?? "";
}

/** The error that a call ends with. */
export async function refusalOf(call: Promise<unknown>): Promise<RpcError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RpcError)) throw new Error(`Expected a refusal, got ${String(error)}`);
  return error;
}

/** Reads a watch until `enough` says so; the stream is closed then. */
export async function take<T>(
  stream: AsyncIterable<T>,
  enough: (all: readonly T[]) => boolean,
): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of stream) {
    all.push(item);
    if (enough(all)) return all;
  }
  return all;
}

/** A real gRPC server with the two lists that the gateway asks for. */
function schedulerOffer(): () => Promise<Service> {
  const recipes = ["lora-default", "lora-wide", "full"].map((recipeId, index) => ({
    recipeId,
    title: recipeId,
    summary: "For tests.",
    contestantHotkey: `hotkey-${index}`,
    method: "lora",
    defaultRecipe: index === 0,
  }));
  const unused = () =>
    Promise.reject(new RpcError("UNIMPLEMENTED", "UNUSED", "the gateway does not call this"));
  const binding = bind(SchedulerService, {
    listRecipes: async () => ({ recipes }),
    listHardwareClasses: async () => ({
      hardwareClasses: [
        { name: "local", slots: 3 },
        { name: "gpu", slots: 1 },
      ],
    }),
    getAttempt: unused,
    listAttempts: unused,
  });
  const logger = createLogger({ service: "test-scheduler", level: "silent" });
  const part = createRpcPart({
    bindings: [binding],
    listen: { host: "127.0.0.1", port: 0 },
    logger,
    isOutage: () => false,
    reflection: false,
  });
  return async () => composeService({ name: "test-scheduler", logger, parts: [part] });
}

async function start(create: () => Promise<Service>) {
  const service = await create();
  const addresses = await service.start();
  const stopping = new AbortController();
  const run = service.run(stopping.signal);
  run.catch(() => {}); // seen by stop()
  return {
    addresses,
    stop: () => {
      stopping.abort();
      return run;
    },
  };
}

async function publish<S extends DescMessage>(
  bus: Bus,
  schema: S,
  message: MessageInitShape<S> & { readonly jobId: string },
  id?: string,
) {
  const { subject, payload, eventId, type } = event(schema, message, { aggregateId: message.jobId });
  const headers = natsHeaders();
  const fields = {
    "ce-id": id ?? eventId,
    "ce-type": type,
    "ce-subject": message.jobId,
    "ce-time": new Date().toISOString(),
  };
  for (const [name, value] of Object.entries(fields)) headers.set(name, value);
  await vi.waitFor(() => bus.jetstream.publish(subject, payload, { headers }), { timeout: 10_000 });
}

function collectEvents(bus: Bus) {
  const events: { readonly type: string; readonly payload: Uint8Array }[] = [];
  bus.connection.subscribe("event.>", {
    callback: (_error, message) => {
      const type = message.headers?.get("ce-type");
      if (type) events.push({ type, payload: message.data });
    },
  });
  return <S extends DescMessage>(schema: S): readonly MessageShape<S>[] =>
    events.flatMap(({ type, payload }) => (type === schema.typeName ? [decodeEvent(schema, payload)] : []));
}
