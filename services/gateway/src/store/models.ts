import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type ModelRef, ModelRefSchema } from "@gradients/contracts/common";
import type { ModelId } from "@gradients/kernel";
import type { Selectable } from "kysely";
import type { GatewayQuery, GatewayTx } from "./database.ts";
import type { GatewayTables } from "./schema.ts";

/** A base model that can be trained here; its files lie in the object store. */
export interface Model {
  readonly modelId: ModelId;
  readonly displayName: string;
  readonly license: string;
  readonly digest: string;
  readonly ref: ModelRef;
  readonly contextLength: number;
  readonly parameterCount: bigint;
  readonly sizeBytes: bigint;
}

const columns = [
  "model_id",
  "display_name",
  "license",
  "digest",
  "ref",
  "context_length",
  "parameter_count",
  "size_bytes",
] as const;

/** Returns false when the id is taken. */
export async function insertModel(tx: GatewayTx, model: Model): Promise<boolean> {
  const row = {
    model_id: model.modelId,
    display_name: model.displayName,
    license: model.license,
    digest: model.digest,
    ref: toBinary(ModelRefSchema, create(ModelRefSchema, model.ref)),
    context_length: model.contextLength,
    parameter_count: model.parameterCount,
    size_bytes: model.sizeBytes,
    created_at: tx.now,
  };
  const result = await tx
    .insertInto("model")
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}

/** By primary key, no lock: models never change. */
export async function findModel(q: GatewayQuery, modelId: ModelId): Promise<Model | undefined> {
  const row = await q.selectFrom("model").select(columns).where("model_id", "=", modelId).executeTakeFirst();
  return row && toModel(row);
}

/** By name, which is the primary key's order. */
export async function listModels(q: GatewayQuery, limit: number, after?: string): Promise<readonly Model[]> {
  const query = q.selectFrom("model").select(columns).orderBy("model_id").limit(limit);
  const rows = await (after === undefined ? query : query.where("model_id", ">", after as ModelId)).execute();
  return rows.map(toModel);
}

/** The one that was registered first. */
export async function findFirstModel(q: GatewayQuery): Promise<Model | undefined> {
  const row = await q.selectFrom("model").select(columns).orderBy("created_at").limit(1).executeTakeFirst();
  return row && toModel(row);
}

function toModel(row: Omit<Selectable<GatewayTables["model"]>, "created_at">): Model {
  return {
    modelId: row.model_id,
    displayName: row.display_name,
    license: row.license,
    digest: row.digest,
    ref: fromBinary(ModelRefSchema, row.ref),
    contextLength: row.context_length,
    parameterCount: row.parameter_count,
    sizeBytes: row.size_bytes,
  };
}
