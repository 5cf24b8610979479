import { hexToU8a, u8aToHex } from "@polkadot/util";
import type { Block } from "../chain/block-tree.ts";
import type { ChainEngine } from "../chain/chain-engine.ts";
import { runtimeVersion, SPEC_NAME } from "../runtime/version.ts";
import { RpcFailure } from "./rpc-failure.ts";
import { callRuntime } from "./runtime-calls.ts";

export type Method = (engine: ChainEngine, params: readonly unknown[]) => unknown;

/** Request and answer methods; subscriptions are in subscriptions.ts. */
export const methods: Readonly<Record<string, Method>> = {
  system_chain: () => "Gradients dev chain",
  system_name: () => SPEC_NAME,
  system_version: () => "dev",
  system_properties: () => ({ ss58Format: 42, tokenDecimals: 9, tokenSymbol: "TAO" }),
  system_health: () => ({ peers: 0, isSyncing: false, shouldHavePeers: false }),
  system_accountNextIndex: (engine, [address]) => engine.nextNonce(text(address)),
  state_getRuntimeVersion: () => runtimeVersion(),
  state_getMetadata: (engine) => u8aToHex(engine.codec.metadata),
  state_call: (engine, [method, data, at]) => {
    const block = readableBlock(engine, at);
    return u8aToHex(callRuntime(engine.codec, engine.storageAt(block), text(method), hexToU8a(text(data))));
  },
  state_getStorage: (engine, [key, at]) => storageHex(readableBlock(engine, at), text(key)),
  state_queryStorageAt: (engine, [keys, at]) => {
    const block = readableBlock(engine, at);
    return [{ block: block.hash, changes: texts(keys).map((key) => [key, storageHex(block, key)]) }];
  },
  state_getKeysPaged: (engine, [prefix, count, startKey, at]) => {
    const after = startKey === null || startKey === undefined ? "" : text(startKey);
    const keys = [...readableBlock(engine, at).state.keys()].filter(
      (key) => key.startsWith(text(prefix)) && key > after,
    );
    return keys.sort().slice(0, Number(count));
  },
  chain_getBlockHash: (engine, [number]) => {
    if (number === null || number === undefined) return engine.tree.best.hash;
    return engine.tree.hashAt(Number(number)) ?? null;
  },
  chain_getHeader: (engine, [at]) => blockOrNull(engine, at)?.header ?? null,
  chain_getBlock: (engine, [at]) => {
    const block = blockOrNull(engine, at);
    return block
      ? {
          block: { header: block.header, extrinsics: block.extrinsics.map((bytes) => u8aToHex(bytes)) },
          justifications: null,
        }
      : null;
  },
  chain_getFinalizedHead: (engine) => engine.tree.finalized.hash,
  author_submitExtrinsic: (engine, [bytes]) => engine.submit(hexToU8a(text(bytes))).extrinsic.hash,
  author_pendingExtrinsics: (engine) => engine.pool.candidates.map(({ bytes }) => u8aToHex(bytes)),
};

export function storageHex(block: Block, key: string): string | null {
  const value = block.state.get(key);
  return value ? u8aToHex(value) : null;
}

function blockOrNull(engine: ChainEngine, at: unknown): Block | undefined {
  return at === null || at === undefined ? engine.tree.best : engine.tree.get(text(at));
}

function readableBlock(engine: ChainEngine, at: unknown): Block {
  const block = blockOrNull(engine, at);
  if (!block)
    throw new RpcFailure(
      4003,
      "Client error: UnknownBlock",
      `Header was not found in the database: ${String(at)}`,
    );
  if (engine.tree.isPruned(block))
    throw new RpcFailure(
      4003,
      "Client error: State already discarded",
      `State already discarded for ${block.hash}`,
    );
  return block;
}

export function text(value: unknown): string {
  if (typeof value !== "string") throw new RpcFailure(-32602, "Invalid params", "expected a string");
  return value;
}

export function texts(value: unknown): string[] {
  if (!Array.isArray(value)) throw new RpcFailure(-32602, "Invalid params", "expected a list of strings");
  return value.map(text);
}
