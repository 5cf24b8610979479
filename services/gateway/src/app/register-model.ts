import { createReadStream } from "node:fs";
import { type FileHandle, open, readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { ModelRefSchema } from "@gradients/contracts/common";
import { createDatabase, migrate } from "@gradients/db";
import type { ModelId } from "@gradients/kernel";
import { createObjectStore, type ObjectStore, sha256OfFile } from "@gradients/objects";
import { createLogger } from "@gradients/runtime";
import { z } from "zod";
import type { GatewayConfig } from "../config.ts";
import {
  chatTemplateOf,
  chooseModelFiles,
  contextLengthOf,
  countParameters,
  digestOfFiles,
  type ModelFolderProblem,
  modelIdOf,
} from "../domain/model-folder.ts";
import type { GatewayDatabase } from "../store/database.ts";
import { migrations } from "../store/migrations/index.ts";
import { findModel, insertModel, type Model } from "../store/models.ts";
import type { GatewayTables } from "../store/schema.ts";

export interface ModelFolder {
  /** Path of a Hugging Face model folder. */
  readonly folder: string;
  /** Made from the display name if absent. */
  readonly id?: string;
  readonly displayName: string;
  readonly license: string;
}

export interface RegisteredModel {
  readonly modelId: ModelId;
  readonly parameterCount: bigint;
  readonly contextLength: number;
  /** False when the same files were registered before. */
  readonly isNew: boolean;
}

/** Makes a model of a local folder available for training; the same folder again changes nothing. Needs the gateway's database and object store, not its process. */
export async function registerModel(config: GatewayConfig, source: ModelFolder): Promise<RegisteredModel> {
  const logger = createLogger({ service: "gateway", level: config.logLevel });
  const db = createDatabase<GatewayTables>({ ...config.database, applicationName: "gateway models" }, logger);
  const objects = createObjectStore(config.objects);
  try {
    await migrate(db, migrations);
    await objects.ensureBucket();
    return await register({ db, objects }, source);
  } finally {
    objects.close();
    await db.close();
  }
}

interface Deps {
  readonly db: GatewayDatabase;
  readonly objects: ObjectStore;
}

async function register(deps: Deps, source: ModelFolder): Promise<RegisteredModel> {
  const inspected = await inspectFolder(source);
  const known = await findModel(deps.db.q, inspected.modelId);
  if (known && known.digest !== inspected.digest) throw new Error(idTaken(inspected.modelId));
  if (known) return { ...known, isNew: false };
  await uploadFiles(deps.objects, source.folder, inspected);
  const isNew = await deps.db.tx((tx) => insertModel(tx, inspected));
  return { ...inspected, isNew };
}

/** Running jobs refer to a model's files by key and digest, so they are never replaced. */
function idTaken(modelId: ModelId): string {
  return `The model ${modelId} is registered with other files; give this one another --id`;
}

async function inspectFolder({ folder, id, displayName, license }: ModelFolder): Promise<Model> {
  const modelId = (id ?? modelIdOf(displayName)) as ModelId;
  if (!/^[a-z0-9][a-z0-9.-]{0,99}$/.test(modelId))
    throw new Error(`A model id has lower-case letters, digits, dots and dashes; found "${modelId}"`);
  const names = orThrow(folder, chooseModelFiles(await readdir(folder)));
  if (!names.includes("chat_template.jinja"))
    orThrow(folder, chatTemplateOf(await readTokenizerConfig(folder, names)));
  const files = [];
  for (const name of names) files.push(await inspectFile(folder, name));
  const contextLength = orThrow(folder, contextLengthOf(await readConfig(join(folder, "config.json"))));
  const parameterCount = await countAll(folder, names);
  const object = ({ name, size, sha256 }: FileDigest) => ({
    key: `models/${modelId}/${sha256}/${name}`,
    size,
    sha256,
  });
  return {
    modelId,
    displayName,
    license,
    digest: digestOfFiles(files),
    ref: create(ModelRefSchema, {
      modelId,
      displayName,
      contextLength,
      parameterCount,
      files: files.map((file) => ({ name: file.name, object: object(file) })),
    }),
    contextLength,
    parameterCount,
    sizeBytes: files.reduce((sum, { size }) => sum + size, 0n),
  };
}

interface FileDigest {
  readonly name: string;
  readonly size: bigint;
  readonly sha256: string;
}

async function inspectFile(folder: string, name: string): Promise<FileDigest> {
  const path = join(folder, name);
  if (!(await stat(path)).isFile()) throw new Error(`${path} is not a file`);
  return { name, ...(await sha256OfFile(path)) };
}

/** Where the chat template stands in folders that have no file for it. */
async function readTokenizerConfig(folder: string, names: readonly string[]) {
  const name = "tokenizer_config.json";
  return names.includes(name) ? readConfig(join(folder, name)) : {};
}

async function readConfig(path: string): Promise<Readonly<Record<string, unknown>>> {
  return z.record(z.string(), z.unknown()).parse(JSON.parse(await readFile(path, "utf8")));
}

async function countAll(folder: string, names: readonly string[]): Promise<bigint> {
  let count = 0n;
  for (const name of names.filter((candidate) => candidate.endsWith(".safetensors")))
    count += countParameters(await readHeader(join(folder, name)));
  return count;
}

/** safetensors starts with the length of its JSON header in 8 bytes, little-endian. */
async function readHeader(path: string): Promise<Readonly<Record<string, unknown>>> {
  const file = await open(path);
  try {
    const length = Number((await readExactly(file, 0, 8)).readBigUInt64LE());
    if (length > MAX_HEADER_BYTES) throw new Error(`${basename(path)} is no safetensors file`);
    return z
      .record(z.string(), z.unknown())
      .parse(JSON.parse((await readExactly(file, 8, length)).toString("utf8")));
  } finally {
    await file.close();
  }
}

const MAX_HEADER_BYTES = 100 * 1024 * 1024;

async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead < length) throw new Error("The file ends too early");
  return buffer;
}

async function uploadFiles(objects: ObjectStore, folder: string, { ref }: Model): Promise<void> {
  for (const { name, object } of ref.files) {
    if (object)
      await objects.put(object.key, createReadStream(join(folder, name)), { sha256: object.sha256 });
  }
}

function orThrow<T>(
  folder: string,
  result: { ok: true; value: T } | { ok: false; error: ModelFolderProblem },
): T {
  if (result.ok) return result.value;
  throw new Error(`${folder} cannot be registered: ${problems[result.error]}`);
}

const problems: Readonly<Record<ModelFolderProblem, string>> = {
  no_config: "it has no config.json",
  no_tokenizer: "it has no tokenizer.json; save the tokenizer in its fast form",
  no_safetensors: "it has no model.safetensors; weights in pickle files (.bin, .pt) are not taken",
  no_chat_template:
    "it has no chat template, neither as chat_template.jinja nor in tokenizer_config.json, so no conversation could be trained; take the model's instruct version, or put a chat_template.jinja beside its tokenizer",
  no_context_length: "its config.json does not say how long a sequence may be",
};
