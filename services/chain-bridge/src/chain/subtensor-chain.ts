import type { ApiPromise } from "@polkadot/api";
import type { ProviderInterface } from "@polkadot/rpc-provider/types";
import { u8aToHex } from "@polkadot/util";
import { isUndecided, problemOfPoolError } from "../domain/chain-problem.ts";
import type { Subnet } from "../domain/plan-weights.ts";
import type { SubmitOutcome } from "../domain/submission.ts";
import type { Weight } from "../domain/weights.ts";
import { findMissingCapabilities } from "./capabilities.ts";
import type { BlockRef, Chain, ChainIdentity, FinalizedBlock, Heads } from "./chain.ts";
import { connect } from "./connect.ts";
import { toList, toPairs } from "./decode.ts";
import { type RawBlock, readEmissions, readEvents, readExtrinsics } from "./read-block.ts";
import { type ApiAt, query, readPayees, readSubnet, type SubnetKey, storageIndexOf } from "./read-subnet.ts";
import { signWeights } from "./sign-weights.ts";

export interface SubtensorOptions extends SubnetKey {
  readonly endpoint: string;
  /** Refused when the endpoint serves another chain. Any is taken when undefined. */
  readonly genesisHash?: string | undefined;
}

/** The chain of a subtensor node, or of the dev chain, which speaks the same. Throws when the endpoint does not answer or serves another chain. */
export async function connectSubtensor(options: SubtensorOptions, signal: AbortSignal): Promise<Chain> {
  const { api, provider, closed } = await connect(options.endpoint, signal);
  try {
    const identity = identityOf(api, options.endpoint);
    const { genesisHash } = options;
    if (genesisHash && genesisHash !== identity.genesisHash) {
      throw new Error(`${options.endpoint} serves the chain ${identity.genesisHash}, not ${genesisHash}`);
    }
    const follower = await followHeads(api);
    return chainOf({ api, provider, closed, identity, follower, key: options });
  } catch (error) {
    await api.disconnect();
    throw error;
  }
}

interface Deps {
  readonly api: ApiPromise;
  readonly provider: ProviderInterface;
  readonly closed: Promise<void>;
  readonly identity: ChainIdentity;
  readonly follower: HeadFollower;
  readonly key: SubnetKey;
}

function chainOf({ api, provider, closed, identity, follower, key }: Deps): Chain {
  const at = (block: Pick<BlockRef, "hash">) => api.at(block.hash);
  return {
    identity,
    closed,
    get heads() {
      return follower.heads();
    },
    missingCapabilities: () => findMissingCapabilities(api),
    onHead: follower.listen,
    finalizedHead: async () => headerRef(api, (await api.rpc.chain.getFinalizedHead()).toHex()),
    bestHead: async () => headerRef(api, (await api.rpc.chain.getBlockHash()).toHex()),
    readSubnet: async (block): Promise<Subnet> => readSubnet(await at(block), key, block),
    readWeights: async (uid, block) => readWeights(await at(block), key, uid),
    readFinalizedBlock: (number) => readFinalizedBlock(api, provider, key.netuid, number),
    readPayees: async (block) => readPayees(await at(block), key.netuid),
    ownsHotkeys: async (address) => toList(await query(api as ApiAt, "ownedHotkeys")(address)).length > 0,
    signWeights: (signer, request) => signWeights(api, key, signer, request),
    submit: (bytes) => submit(provider, bytes),
    close: () => api.disconnect(),
  };
}

function identityOf(api: ApiPromise, endpoint: string): ChainIdentity {
  const { specName, specVersion } = api.runtimeVersion;
  return {
    endpoint,
    genesisHash: api.genesisHash.toHex(),
    specName: specName.toString(),
    specVersion: specVersion.toNumber(),
  };
}

async function headerRef(api: ApiPromise, hash: string): Promise<BlockRef> {
  const header = await api.rpc.chain.getHeader(hash);
  return { number: header.number.toNumber(), hash };
}

async function readWeights(at: ApiAt, key: SubnetKey, uid: number): Promise<Weight[]> {
  const pairs = toPairs(await query(at, "weights")(storageIndexOf(key), uid));
  return pairs.map(([target, weight]) => ({ uid: target, weight }));
}

async function readFinalizedBlock(
  api: ApiPromise,
  provider: ProviderInterface,
  netuid: number,
  number: number,
): Promise<FinalizedBlock> {
  const hash = (await api.rpc.chain.getBlockHash(number)).toHex();
  const [at, raw] = await Promise.all([
    api.at(hash),
    provider.send<RawBlock | null>("chain_getBlock", [hash]),
  ]);
  if (!raw) throw new Error(`The node does not have block ${number} any more; an archive node has`);
  const [events, epoch] = await Promise.all([readEvents(at), query(at, "subnetEpochIndex")(netuid)]);
  return {
    number,
    hash,
    parentHash: raw.block.header.parentHash,
    epoch: Number(epoch.toString()),
    extrinsics: readExtrinsics(at, raw, events, netuid),
    emissions: readEmissions(events, netuid),
  };
}

/** Not through the library's own method, which logs what it throws. */
async function submit(provider: ProviderInterface, bytes: Uint8Array): Promise<SubmitOutcome> {
  try {
    await provider.send("author_submitExtrinsic", [u8aToHex(bytes)]);
    return { kind: "accepted" };
  } catch (error) {
    const { message, code } = error as Error & { readonly code?: number };
    if (code === undefined || !isPoolCode(code)) return { kind: "unknown", detail: message };
    const problem = problemOfPoolError(message);
    return isUndecided(problem) ? { kind: "unknown", detail: message } : { kind: "refused", problem };
  }
}

/** The node's own verdicts on an extrinsic; other codes are about the call or the connection. */
function isPoolCode(code: number): boolean {
  return code >= 1000 && code < 1100;
}

interface HeadFollower {
  readonly heads: () => Heads;
  readonly listen: (listener: (heads: Heads) => void) => () => void;
}

async function followHeads(api: ApiPromise): Promise<HeadFollower> {
  const listeners = new Set<(heads: Heads) => void>();
  let heads: Heads = { best: 0, finalized: 0 };
  const update = (change: Partial<Heads>) => {
    heads = { ...heads, ...change };
    for (const listener of listeners) listener(heads);
  };
  await api.rpc.chain.subscribeNewHeads(({ number }) => update({ best: number.toNumber() }));
  await api.rpc.chain.subscribeFinalizedHeads(({ number }) => update({ finalized: number.toNumber() }));
  return {
    heads: () => heads,
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
