import { rao } from "@gradients/kernel";
import type { DispatchError, EventRecord } from "@polkadot/types/interfaces";
import { hexToU8a, u8aToHex } from "@polkadot/util";
import { blake2AsU8a } from "@polkadot/util-crypto";
import type { IncludedExtrinsic } from "../domain/judge-submission.ts";
import type { BlockEmission } from "./chain.ts";
import { toBigint, toList, toNumber } from "./decode.ts";
import { type ApiAt, subnetKeyOf } from "./read-subnet.ts";

/** `chain_getBlock` as the node sends it; the extrinsics stay undecoded, because only their hashes matter here. */
export interface RawBlock {
  readonly block: {
    readonly header: { readonly parentHash: string };
    readonly extrinsics: readonly string[];
  };
}

/** All events of a block, decoded with the block's own metadata. */
export async function readEvents(at: ApiAt): Promise<EventRecord[]> {
  const events = at.query["system"]?.["events"];
  if (!events) throw new Error("The runtime has no storage system.events");
  return toList(await events()) as unknown as EventRecord[];
}

export function readExtrinsics(
  at: ApiAt,
  { block }: RawBlock,
  events: readonly EventRecord[],
  netuid: number,
): IncludedExtrinsic[] {
  return block.extrinsics.map((bytes, index) => {
    const own = events.filter(
      ({ phase }) => phase.isApplyExtrinsic && phase.asApplyExtrinsic.toNumber() === index,
    );
    const failure = own.find(({ event }) => event.section === "system" && event.method === "ExtrinsicFailed");
    return {
      hash: u8aToHex(blake2AsU8a(hexToU8a(bytes))),
      dispatchError: failure ? nameOf(at, failure.event.data[0] as unknown as DispatchError) : undefined,
      weightsSet: own.filter(isOurs("WeightsSet", netuid)).map(({ event }) => ({
        mecid: subnetKeyOf(toNumber(event.data[0])).mecid,
        uid: toNumber(event.data[1]),
      })),
    };
  });
}

/** Rewards are paid while the block is initialised, before any extrinsic. */
export function readEmissions(events: readonly EventRecord[], netuid: number): BlockEmission[] {
  return events
    .filter(({ phase }) => phase.isInitialization)
    .filter(isOurs("IncentiveAlphaEmittedToMiners", netuid))
    .map(({ event }) => ({
      mecid: subnetKeyOf(toNumber(event.data[0])).mecid,
      amounts: toList(event.data[1]).map((amount) => rao(toBigint(amount))),
    }));
}

function isOurs(method: string, netuid: number): (record: EventRecord) => boolean {
  return ({ event }) =>
    event.section === "subtensorModule" &&
    event.method === method &&
    subnetKeyOf(toNumber(event.data[0])).netuid === netuid;
}

/** By the block's own metadata: indices of errors move between specs. */
function nameOf(at: ApiAt, error: DispatchError): string {
  return error.isModule ? at.registry.findMetaError(error.asModule).name : error.toString();
}
