import { readAccount } from "../runtime/balances.ts";
import type { RuntimeCodec } from "../runtime/codec.ts";
import { nextEpochBlock } from "../runtime/epoch.ts";
import { decodeSigned, feeOf } from "../runtime/extrinsic.ts";
import type { Storage } from "../runtime/storage.ts";
import { RpcFailure } from "./rpc-failure.ts";

/** `state_call`: a runtime API method by its name, with SCALE arguments and a SCALE answer. */
export function callRuntime(
  codec: RuntimeCodec,
  storage: Storage,
  method: string,
  input: Uint8Array,
): Uint8Array {
  const call = calls[method];
  if (!call) throw new RpcFailure(-32603, "Execution failed", `Exported method ${method} is not found`);
  return call(codec, storage, input);
}

type RuntimeCall = (codec: RuntimeCodec, storage: Storage, input: Uint8Array) => Uint8Array;

const calls: Readonly<Record<string, RuntimeCall>> = {
  Metadata_metadata_versions: (codec) => codec.registry.createType("Vec<u32>", [15]).toU8a(),
  Metadata_metadata_at_version: (codec, _storage, input) => {
    const wanted = codec.registry.createType("u32", input).toNumber();
    return codec.registry
      .createType("Option<Bytes>", wanted === 15 ? codec.registry.createType("Bytes", prefixed(codec)) : null)
      .toU8a();
  },
  Metadata_metadata: (codec) => prefixed(codec),
  AccountNonceApi_account_nonce: (codec, storage, input) => {
    const address = codec.registry.createType("AccountId", input).toString();
    return codec.registry.createType("u32", readAccount(storage, address).nonce).toU8a();
  },
  TransactionPaymentApi_query_info: (codec, _storage, input) => {
    const length = codec.registry.createType("u32", input.slice(-4)).toNumber();
    const extrinsic = decodeSigned(codec, input.slice(0, length));
    const weight = codec.registry.createType("(Compact<u64>, Compact<u64>)", [100_000_000, 1000]).toU8a();
    const normalClass = Uint8Array.of(0);
    return Buffer.concat([weight, normalClass, codec.registry.createType("u64", feeOf(extrinsic)).toU8a()]);
  },
  SubnetInfoRuntimeApi_get_next_epoch_start_block: (codec, storage, input) => {
    const netuid = codec.registry.createType("u16", input).toNumber();
    const next = nextEpochBlock(storage, netuid, storage.number("System.Number") + 1);
    return codec.registry.createType("Option<u64>", next ?? null).toU8a();
  },
  SwapRuntimeApi_current_alpha_price: (codec, storage, input) => {
    const netuid = codec.registry.createType("u16", input).toNumber();
    const alpha = storage.bigint("SubtensorModule.SubnetAlphaIn", netuid);
    const price =
      alpha === 0n ? 0n : (storage.bigint("SubtensorModule.SubnetTAO", netuid) * 1_000_000_000n) / alpha;
    return codec.registry.createType("u64", price).toU8a();
  },
};

/** The metadata as `OpaqueMetadata`, that is with its length in front. */
function prefixed(codec: RuntimeCodec): Uint8Array {
  const length = codec.registry.createType("Compact<u32>", codec.metadata.length).toU8a();
  return Buffer.concat([length, codec.metadata]);
}
