import type { GenericExtrinsic } from "@polkadot/types";
import { compactToU8a, hexToU8a, u8aConcat, u8aToHex } from "@polkadot/util";
import { blake2AsU8a, sr25519Verify } from "@polkadot/util-crypto";
import { BLOCK_HASH_COUNT } from "../metadata/pallets.ts";
import { readAccount } from "./balances.ts";
import type { RuntimeCodec } from "./codec.ts";
import { invalid } from "./dispatch.ts";
import { checkWeightsBeforeDispatch, type SetWeights } from "./set-weights.ts";
import type { Storage } from "./storage.ts";
import { SPEC_VERSION, TRANSACTION_VERSION } from "./version.ts";

/** A signed extrinsic as it came over the wire, taken apart. */
export interface SignedExtrinsic {
  readonly hash: string;
  readonly bytes: Uint8Array;
  readonly signer: string;
  readonly nonce: number;
  readonly tipRao: bigint;
  readonly call: Call;
  readonly decoded: GenericExtrinsic;
}

/** The calls that this runtime executes. */
type Call =
  | { readonly kind: "set_weights"; readonly arguments: SetWeights }
  | {
      readonly kind: "transfer";
      readonly to: string;
      readonly amountRao: bigint;
      readonly keepAlive: boolean;
    }
  | { readonly kind: "remark"; readonly remark: Uint8Array; readonly withEvent: boolean };

/** Where in the chain an extrinsic is to be valid: the block being built, and the ancestors' hashes for its era. */
export interface Position {
  readonly blockNumber: number;
  readonly hashOf: (blockNumber: number) => string | undefined;
}

/** Takes an extrinsic apart. Throws InvalidTransaction where it does not decode, is unsigned, or calls what the runtime does not execute. */
export function decodeSigned(codec: RuntimeCodec, bytes: Uint8Array): SignedExtrinsic {
  let decoded: GenericExtrinsic;
  try {
    decoded = codec.decodeExtrinsic(bytes);
  } catch {
    throw invalid.undecodable();
  }
  const call = decoded.isSigned ? callOf(decoded) : undefined;
  if (!call) throw invalid.call();
  return {
    hash: u8aToHex(blake2AsU8a(bytes)),
    bytes,
    signer: decoded.signer.toString(),
    nonce: decoded.nonce.toNumber(),
    tipRao: decoded.tip.toBigInt(),
    call,
    decoded,
  };
}

export type Readiness = "ready" | "future";

/** Signature, era, nonce, fee and the extension checks, as the pool and the block builder both apply them. Throws InvalidTransaction. */
export function validate(
  genesisHash: string,
  extrinsic: SignedExtrinsic,
  storage: Storage,
  position: Position,
): Readiness {
  const payload = signedPayload(genesisHash, extrinsic, position);
  const { signature } = extrinsic.decoded;
  if (!sr25519Verify(payload, signature.toU8a(true).slice(-64), extrinsic.decoded.signer.toU8a().slice(-32)))
    throw invalid.badProof();
  const account = readAccount(storage, extrinsic.signer);
  if (extrinsic.nonce < account.nonce) throw invalid.stale();
  if (account.freeRao < feeOf(extrinsic) + extrinsic.tipRao) throw invalid.payment();
  if (extrinsic.call.kind === "set_weights") {
    checkWeightsBeforeDispatch(storage, extrinsic.signer, extrinsic.call.arguments, position.blockNumber);
  }
  return extrinsic.nonce > account.nonce ? "future" : "ready";
}

/** Weight calls are free (Pays::No); others pay a weight fee and one RAO for each byte. */
export function feeOf({ call, bytes }: Pick<SignedExtrinsic, "call" | "bytes">): bigint {
  return call.kind === "set_weights" ? 0n : WEIGHT_FEE_RAO + BigInt(bytes.length);
}

const WEIGHT_FEE_RAO = 136_900n;

/** What the signer signed: call, extensions in order, then what the extensions add without sending it. Hashed when longer than 256 bytes. */
function signedPayload(
  genesisHash: string,
  { decoded, nonce, tipRao }: SignedExtrinsic,
  position: Position,
): Uint8Array {
  const { era } = decoded;
  const birth = era.isMortalEra ? era.asMortalEra.birth(position.blockNumber) : 0;
  if (era.isMortalEra && position.blockNumber - birth > BLOCK_HASH_COUNT) throw invalid.ancientBirthBlock();
  const birthHash = era.isMortalEra ? position.hashOf(birth) : genesisHash;
  if (!birthHash) throw invalid.ancientBirthBlock();
  const metadataHashDisabled = Uint8Array.of(0);
  const noMetadataHash = Uint8Array.of(0);
  const payload = u8aConcat(
    decoded.method.toU8a(),
    era.toU8a(),
    compactToU8a(nonce),
    compactToU8a(tipRao),
    metadataHashDisabled,
    u32(SPEC_VERSION),
    u32(TRANSACTION_VERSION),
    hexToU8a(genesisHash),
    hexToU8a(birthHash),
    noMetadataHash,
  );
  return payload.length > 256 ? blake2AsU8a(payload) : payload;
}

function callOf(decoded: GenericExtrinsic): Call | undefined {
  const { section, method, args } = decoded.method;
  const texts = args.map((argument) => argument.toString());
  const numbers = (position: number) =>
    Array.from(args[position] as unknown as Iterable<{ toString(): string }>, (value) =>
      Number(value.toString()),
    );
  switch (`${section}.${method}`) {
    case "subtensorModule.setWeights":
      return {
        kind: "set_weights",
        arguments: {
          netuid: Number(texts[0]),
          mecid: 0,
          uids: numbers(1),
          weights: numbers(2),
          versionKey: BigInt(texts[3] ?? 0),
        },
      };
    case "subtensorModule.setMechanismWeights":
      return {
        kind: "set_weights",
        arguments: {
          netuid: Number(texts[0]),
          mecid: Number(texts[1]),
          uids: numbers(2),
          weights: numbers(3),
          versionKey: BigInt(texts[4] ?? 0),
        },
      };
    case "balances.transferAllowDeath":
    case "balances.transferKeepAlive":
      return {
        kind: "transfer",
        to: texts[0] ?? "",
        amountRao: BigInt(texts[1] ?? 0),
        keepAlive: method === "transferKeepAlive",
      };
    case "system.remark":
    case "system.remarkWithEvent":
      return { kind: "remark", remark: hexToU8a(args[0]?.toHex()), withEvent: method === "remarkWithEvent" };
    default:
      return undefined;
  }
}

function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
