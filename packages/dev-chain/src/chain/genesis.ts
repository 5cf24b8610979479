import { randomBytes } from "node:crypto";
import { u8aToHex } from "@polkadot/util";
import { blake2AsU8a } from "@polkadot/util-crypto";
import type { DevAccount, DevAccounts } from "../dev-accounts.ts";
import { setFree } from "../runtime/balances.ts";
import type { RuntimeCodec } from "../runtime/codec.ts";
import { Storage } from "../runtime/storage.ts";
import { stateRoot } from "./block-builder.ts";
import type { Block } from "./block-tree.ts";

export interface GenesisOptions {
  readonly netuid: number;
  readonly tempo: number;
  readonly weightsRateLimit: number;
  readonly stakeThresholdRao: bigint;
  readonly accounts: DevAccounts;
}

const TAO = 1_000_000_000n;
const COLDKEY_BALANCE_RAO = 1_000n * TAO;
const VALIDATOR_STAKE_RAO = 100_000n * TAO;

/** Block 0: one subnet with its owner at uid 0, a permitted validator at uid 1 and the contestants after them. Each call makes another chain, with its own genesis hash. */
export function genesisBlock(codec: RuntimeCodec, options: GenesisOptions): Block {
  const { netuid, accounts } = options;
  const storage = new Storage(codec, new Map());
  const neurons = [accounts.owner, accounts.validator, ...accounts.contestants];
  neurons.forEach((neuron, uid) => register(storage, netuid, uid, neuron));
  const put = (item: string, value: unknown) => storage.put(`SubtensorModule.${item}`, [netuid], value);
  put("NetworksAdded", true);
  put("SubnetworkN", neurons.length);
  put("Tempo", options.tempo);
  put("WeightsSetRateLimit", options.weightsRateLimit);
  put("SubnetOwner", accounts.owner.coldkey);
  put("SubnetOwnerHotkey", accounts.owner.hotkey);
  put(
    "LastUpdate",
    neurons.map(() => 0),
  );
  put(
    "ValidatorPermit",
    neurons.map((neuron) => neuron === accounts.validator),
  );
  put("SubnetTAO", 2_000n * TAO);
  put("SubnetAlphaIn", 500_000n * TAO);
  put("SubnetAlphaOut", VALIDATOR_STAKE_RAO);
  storage.put("SubtensorModule.StakeThreshold", [], options.stakeThresholdRao);
  storage.put("SubtensorModule.TotalHotkeyAlpha", [accounts.validator.hotkey, netuid], VALIDATOR_STAKE_RAO);
  storage.put("Balances.TotalIssuance", [], COLDKEY_BALANCE_RAO * BigInt(neurons.length));
  return sealedGenesis(codec, storage);
}

function register(storage: Storage, netuid: number, uid: number, { hotkey, coldkey }: DevAccount): void {
  storage.put("SubtensorModule.Uids", [netuid, hotkey], uid);
  storage.put("SubtensorModule.Keys", [netuid, uid], hotkey);
  storage.put("SubtensorModule.BlockAtRegistration", [netuid, uid], 0);
  storage.put("SubtensorModule.Owner", [hotkey], coldkey);
  storage.put("SubtensorModule.OwnedHotkeys", [coldkey], [hotkey]);
  setFree(storage, coldkey, COLDKEY_BALANCE_RAO);
}

function sealedGenesis(codec: RuntimeCodec, storage: Storage): Block {
  const parentHash = u8aToHex(new Uint8Array(32));
  const salt = { Other: u8aToHex(randomBytes(16)) };
  const header = codec.registry.createType("Header", {
    parentHash,
    number: 0,
    stateRoot: stateRoot(storage.state),
    extrinsicsRoot: blake2AsU8a(new Uint8Array()),
    digest: { logs: [salt] },
  });
  const hash = u8aToHex(blake2AsU8a(header.toU8a()));
  return {
    hash,
    number: 0,
    parentHash,
    header: header.toJSON(),
    extrinsics: [],
    included: [],
    state: storage.state,
  };
}
