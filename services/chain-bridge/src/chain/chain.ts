import type { Rao } from "@gradients/kernel";
import type { IncludedExtrinsic } from "../domain/judge-submission.ts";
import type { Subnet } from "../domain/plan-weights.ts";
import type { Payee, SubnetOwner } from "../domain/rewards.ts";
import type { SubmitOutcome } from "../domain/submission.ts";
import type { Weight } from "../domain/weights.ts";
import type { HotkeySigner } from "./hotkey-signer.ts";

/** A connection to one node of the chain that carries the subnet. It lives until `closed` resolves; then a new one is made. */
export interface Chain {
  readonly identity: ChainIdentity;
  /** Numbers of the newest best and finalized head that the node told of. */
  readonly heads: Heads;
  /** Resolves when the connection is lost or closed. */
  readonly closed: Promise<void>;
  /** What the runtime lacks for us, as read from its metadata; empty when all is there. Follows runtime upgrades. */
  missingCapabilities(): readonly string[];
  /** Calls back at every new head; heads may be skipped, so the listener looks at the chain itself. */
  onHead(listener: (heads: Heads) => void): () => void;
  finalizedHead(): Promise<BlockRef>;
  bestHead(): Promise<BlockRef>;
  readSubnet(at: BlockRef): Promise<Subnet>;
  /** The vector that a uid has set, as stored. */
  readWeights(uid: number, at: BlockRef): Promise<readonly Weight[]>;
  readFinalizedBlock(number: number): Promise<FinalizedBlock>;
  /** Holders of all uids at a block. */
  readPayees(at: BlockRef): Promise<{ readonly payees: readonly Payee[]; readonly owner: SubnetOwner }>;
  /** True when the address owns hotkeys, that is when it is a coldkey. */
  ownsHotkeys(address: string): Promise<boolean>;
  /** Signs set_mechanism_weights with a mortal era that begins at `birth`. Sends nothing. */
  signWeights(signer: HotkeySigner, request: SignRequest): Promise<SignedWeights>;
  submit(bytes: Uint8Array): Promise<SubmitOutcome>;
  close(): Promise<void>;
}

export interface ChainIdentity {
  readonly endpoint: string;
  readonly genesisHash: string;
  readonly specName: string;
  readonly specVersion: number;
}

export interface Heads {
  readonly best: number;
  readonly finalized: number;
}

export interface BlockRef {
  readonly number: number;
  readonly hash: string;
}

/** A finalized block as far as the bridge cares. */
export interface FinalizedBlock extends BlockRef {
  readonly parentHash: string;
  readonly epoch: number;
  readonly extrinsics: readonly IncludedExtrinsic[];
  readonly emissions: readonly BlockEmission[];
}

/** Of our netuid only. */
export interface BlockEmission {
  readonly mecid: number;
  readonly amounts: readonly Rao[];
}

export interface SignRequest {
  readonly weights: readonly Weight[];
  readonly versionKey: bigint;
  readonly birth: BlockRef;
  /** Power of two, 4 to 65536. */
  readonly eraBlocks: number;
}

export interface SignedWeights {
  readonly bytes: Uint8Array;
  /** Blake2-256 of the bytes, as 0x-prefixed hex. */
  readonly extrinsicHash: string;
  readonly nonce: number;
  /** Last block that can include it. */
  readonly lastValidBlock: number;
}
