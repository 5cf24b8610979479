import { u8aToHex } from "@polkadot/util";
import { blake2AsU8a } from "@polkadot/util-crypto";
import { bumpNonce, readAccount, setFree, transfer } from "../runtime/balances.ts";
import type { RuntimeCodec } from "../runtime/codec.ts";
import { type DispatchContext, DispatchFailure } from "../runtime/dispatch.ts";
import { beginBlock } from "../runtime/epoch.ts";
import { feeOf, type SignedExtrinsic, validate } from "../runtime/extrinsic.ts";
import { setWeights } from "../runtime/set-weights.ts";
import { type State, Storage } from "../runtime/storage.ts";
import type { Block } from "./block-tree.ts";

export interface BuildRequest {
  readonly codec: RuntimeCodec;
  readonly netuid: number;
  readonly genesisHash: string;
  readonly parent: Block;
  readonly hashOf: (blockNumber: number) => string | undefined;
  readonly unixMilliseconds: number;
  /** Never the same twice in one chain's life, so that siblings of equal content differ in hash. */
  readonly slot: number;
  readonly candidates: readonly SignedExtrinsic[];
  /** Storage entries that the operator sets (`dev_setStorage`), before the block's hooks. */
  readonly overrides: readonly Override[];
}

export interface Override {
  readonly item: string;
  readonly args: readonly unknown[];
  readonly value: unknown;
}

/** Executes one block on top of its parent: hooks, time, then each candidate that is valid at its place. Invalid ones are left out. */
export function buildBlock(request: BuildRequest): Block {
  const { codec, parent } = request;
  const number = parent.number + 1;
  const storage = new Storage(codec, parent.state);
  const events = new EventLog(codec);
  storage.put("System.Number", [], number);
  storage.put("System.ParentHash", [], parent.hash);
  for (const { item, args, value } of request.overrides) storage.put(item, args, value);

  const context: DispatchContext = {
    storage,
    codec,
    blockNumber: number,
    emit: (event, ...values) => events.add("Initialization", event, values),
  };
  beginBlock(context, request.netuid);
  const extrinsics: Uint8Array[] = [codec.timestampInherent(request.unixMilliseconds)];
  storage.put("Timestamp.Now", [], request.unixMilliseconds);
  events.add(0, "System.ExtrinsicSuccess", [MANDATORY]);

  const included: SignedExtrinsic[] = [];
  for (const extrinsic of request.candidates) {
    if (!isIncludable(request, extrinsic, storage, number)) continue;
    const position = extrinsics.push(extrinsic.bytes) - 1;
    applyExtrinsic(
      { ...context, emit: (event, ...values) => events.add(position, event, values) },
      extrinsic,
      events,
      position,
    );
    included.push(extrinsic);
  }
  storage.putRaw("System.Events", events.encoded());
  return sealed(request, number, storage.state, extrinsics, included);
}

function isIncludable(
  { genesisHash, hashOf }: BuildRequest,
  extrinsic: SignedExtrinsic,
  storage: Storage,
  blockNumber: number,
): boolean {
  try {
    return validate(genesisHash, extrinsic, storage, { blockNumber, hashOf }) === "ready";
  } catch {
    return false; // the pool finds the reason when it revalidates on the new head
  }
}

/** Nonce and fee stay charged whatever the call does; the call's own changes and events are undone when it fails. */
function applyExtrinsic(
  context: DispatchContext,
  extrinsic: SignedExtrinsic,
  events: EventLog,
  position: number,
): void {
  const { storage, emit } = context;
  const fee = feeOf(extrinsic);
  bumpNonce(storage, extrinsic.signer);
  if (fee + extrinsic.tipRao > 0n) {
    setFree(
      storage,
      extrinsic.signer,
      readAccount(storage, extrinsic.signer).freeRao - fee - extrinsic.tipRao,
    );
    emit("Balances.Withdraw", extrinsic.signer, fee + extrinsic.tipRao);
  }
  const info = { ...NORMAL, paysFee: fee > 0n ? "Yes" : "No" };
  const mark = events.length;
  let failure: DispatchFailure | undefined;
  try {
    storage.transact(() => dispatch(context, extrinsic));
  } catch (error) {
    if (!(error instanceof DispatchFailure)) throw error;
    events.rollbackTo(mark);
    failure = error;
  }
  if (fee > 0n) emit("TransactionPayment.TransactionFeePaid", extrinsic.signer, fee, extrinsic.tipRao);
  if (failure) events.add(position, "System.ExtrinsicFailed", [failure.dispatchError, info]);
  else events.add(position, "System.ExtrinsicSuccess", [info]);
}

function dispatch(context: DispatchContext, { call, signer }: SignedExtrinsic): void {
  switch (call.kind) {
    case "set_weights":
      return setWeights(context, signer, call.arguments);
    case "transfer":
      return transfer(context, signer, call.to, call.amountRao, call.keepAlive);
    case "remark":
      if (call.withEvent) context.emit("System.Remarked", signer, blake2AsU8a(call.remark));
  }
}

const WEIGHT = { refTime: 100_000_000, proofSize: 1000 };
const NORMAL = { weight: WEIGHT, class: "Normal" };
const MANDATORY = { weight: WEIGHT, class: "Mandatory", paysFee: "No" };

/** The block's events in SCALE form, in order. */
class EventLog {
  readonly #codec: RuntimeCodec;
  readonly #records: Uint8Array[] = [];

  constructor(codec: RuntimeCodec) {
    this.#codec = codec;
  }

  get length(): number {
    return this.#records.length;
  }

  add(phase: "Initialization" | number, event: string, values: readonly unknown[]): void {
    const phaseBytes =
      phase === "Initialization"
        ? Uint8Array.of(2)
        : Buffer.from([0, ...this.#codec.registry.createType("u32", phase).toU8a()]);
    const noTopics = Uint8Array.of(0);
    this.#records.push(Buffer.concat([phaseBytes, this.#codec.encodeEvent(event, values), noTopics]));
  }

  rollbackTo(length: number): void {
    this.#records.length = length;
  }

  encoded(): Uint8Array {
    const count = this.#codec.registry.createType("Compact<u32>", this.#records.length).toU8a();
    return Buffer.concat([count, ...this.#records]);
  }
}

function sealed(
  request: BuildRequest,
  number: number,
  state: State,
  extrinsics: readonly Uint8Array[],
  included: readonly SignedExtrinsic[],
): Block {
  const { codec, parent } = request;
  const header = codec.registry.createType("Header", {
    parentHash: parent.hash,
    number,
    stateRoot: stateRoot(state),
    extrinsicsRoot: blake2AsU8a(Buffer.concat(extrinsics)),
    digest: {
      logs: [
        {
          PreRuntime: [
            u8aToHex(Buffer.from("aura")),
            u8aToHex(codec.registry.createType("u64", request.slot).toU8a()),
          ],
        },
      ],
    },
  });
  return {
    hash: u8aToHex(blake2AsU8a(header.toU8a())),
    number,
    parentHash: parent.hash,
    header: header.toJSON(),
    extrinsics,
    included,
    state,
  };
}

/** Commits to every entry; not a Merkle root, which no client of this chain asks for. */
export function stateRoot(state: State): Uint8Array {
  const entries = [...state].sort(([left], [right]) => (left < right ? -1 : 1));
  return blake2AsU8a(Buffer.concat(entries.flatMap(([key, value]) => [Buffer.from(key), value])));
}
