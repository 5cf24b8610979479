import type { ApiPromise } from "@polkadot/api";
import { u8aToHex } from "@polkadot/util";
import type { SignedWeights, SignRequest } from "./chain.ts";
import type { HotkeySigner } from "./hotkey-signer.ts";
import type { SubnetKey } from "./read-subnet.ts";

/** A signed set_mechanism_weights, mortal from `birth` on, with the next free nonce. */
export async function signWeights(
  api: ApiPromise,
  key: SubnetKey,
  signer: HotkeySigner,
  request: SignRequest,
): Promise<SignedWeights> {
  const { birth, eraBlocks } = request;
  // The library takes block 0 for "immortal".
  if (birth.number === 0) throw new Error("Nothing can be signed before block 1 is final");
  const tx = weightsCall(api, key, request);
  const nonce = (await api.rpc.system.accountNextIndex(signer.address)).toNumber();
  const era = api.registry.createType("ExtrinsicEra", { current: birth.number, period: eraBlocks });
  const options = {
    blockHash: birth.hash,
    era,
    genesisHash: api.genesisHash,
    method: tx.method.toHex(),
    nonce,
    runtimeVersion: api.runtimeVersion,
    specVersion: api.runtimeVersion.specVersion,
    tip: 0,
    transactionVersion: api.runtimeVersion.transactionVersion,
  };
  const payload = api.registry.createType("ExtrinsicPayload", options, { version: EXTRINSIC_VERSION });
  const call = tx.method.toU8a();
  const signature = await signer.signWeightsCall(call, payload.toU8a({ method: true }).slice(call.length));
  tx.addSignature(signer.address, signature, payload.toHex());
  return {
    bytes: tx.toU8a(),
    extrinsicHash: u8aToHex(tx.hash.toU8a()),
    nonce,
    lastValidBlock: era.asMortalEra.death(birth.number) - 1,
  };
}

const EXTRINSIC_VERSION = 4;

function weightsCall(api: ApiPromise, { netuid, mecid }: SubnetKey, { weights, versionKey }: SignRequest) {
  const call = api.tx["subtensorModule"]?.["setMechanismWeights"];
  if (!call) throw new Error("The runtime has no call subtensorModule.setMechanismWeights");
  const uids = weights.map(({ uid }) => uid);
  const values = weights.map(({ weight }) => weight);
  return call(netuid, mecid, uids, values, versionKey);
}
