import type { BridgeDatabase, BridgeTx, ChainKey } from "./schema.ts";

export interface Cursor {
  readonly blockNumber: number;
  readonly blockHash: string;
}

/** Primary key. */
export async function loadCursor({ q }: BridgeDatabase, key: ChainKey): Promise<Cursor | undefined> {
  const row = await q
    .selectFrom("chain_cursor")
    .select(["block_number", "block_hash"])
    .where("genesis_hash", "=", key.genesisHash)
    .where("netuid", "=", key.netuid)
    .executeTakeFirst();
  return row && { blockNumber: Number(row.block_number), blockHash: row.block_hash };
}

/** Where the ingester of a chain begins; nothing happens when it has begun already. */
export async function createCursor(
  { q }: BridgeDatabase,
  key: ChainKey,
  { blockNumber, blockHash }: Cursor,
): Promise<void> {
  const row = {
    genesis_hash: key.genesisHash,
    netuid: key.netuid,
    block_number: BigInt(blockNumber),
    block_hash: blockHash,
  };
  await q
    .insertInto("chain_cursor")
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Moves the cursor by one block, and only from the block before: false when another process did so first. Locks the row. */
export async function advanceCursor(
  tx: BridgeTx,
  key: ChainKey,
  { blockNumber, blockHash }: Cursor,
): Promise<boolean> {
  const result = await tx
    .updateTable("chain_cursor")
    .set({ block_number: BigInt(blockNumber), block_hash: blockHash, updated_at: tx.now })
    .where("genesis_hash", "=", key.genesisHash)
    .where("netuid", "=", key.netuid)
    .where("block_number", "=", BigInt(blockNumber - 1))
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Genesis hash of the chain that was followed last. A handful of rows. */
export async function newestChain({ q }: BridgeDatabase, netuid: number): Promise<string | undefined> {
  const row = await q
    .selectFrom("chain_cursor")
    .select("genesis_hash")
    .where("netuid", "=", netuid)
    .orderBy("updated_at", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.genesis_hash;
}
