import { hexToU8a } from "@polkadot/util";
import type { Block } from "../chain/block-tree.ts";
import type { ChainEngine, ChainListener } from "../chain/chain-engine.ts";
import { runtimeVersion } from "../runtime/version.ts";
import { storageHex, text, texts } from "./methods.ts";

/** Sends one notification of the subscription. */
type Notify = (result: unknown) => void;

export interface SubscriptionKind {
  readonly notification: string;
  readonly unsubscribe: string;
  /** Starts the subscription; the returned function ends it. */
  readonly start: (engine: ChainEngine, params: readonly unknown[], notify: Notify) => () => void;
}

const SILENT: ChainListener = {
  onImported: () => undefined,
  onBest: () => undefined,
  onFinalized: () => undefined,
};

const newHeads: SubscriptionKind = {
  notification: "chain_newHead",
  unsubscribe: "chain_unsubscribeNewHeads",
  start: (engine, _params, notify) => {
    notify(engine.tree.best.header);
    return engine.listen({ ...SILENT, onBest: ({ header }) => notify(header) });
  },
};

/** By the name of the subscribing method. */
export const subscriptions: Readonly<Record<string, SubscriptionKind>> = {
  chain_subscribeNewHeads: newHeads,
  chain_subscribeNewHead: newHeads,
  chain_subscribeAllHeads: {
    notification: "chain_allHead",
    unsubscribe: "chain_unsubscribeAllHeads",
    start: (engine, _params, notify) => {
      notify(engine.tree.best.header);
      return engine.listen({ ...SILENT, onImported: ({ header }) => notify(header) });
    },
  },
  chain_subscribeFinalizedHeads: {
    notification: "chain_finalizedHead",
    unsubscribe: "chain_unsubscribeFinalizedHeads",
    start: (engine, _params, notify) => {
      notify(engine.tree.finalized.header);
      return engine.listen({ ...SILENT, onFinalized: ({ header }) => notify(header) });
    },
  },
  state_subscribeRuntimeVersion: {
    notification: "state_runtimeVersion",
    unsubscribe: "state_unsubscribeRuntimeVersion",
    start: (_engine, _params, notify) => {
      notify(runtimeVersion());
      return () => undefined;
    },
  },
  state_subscribeStorage: {
    notification: "state_storage",
    unsubscribe: "state_unsubscribeStorage",
    start: (engine, [keys], notify) => {
      const wanted = texts(keys);
      let before = read(engine.tree.best, wanted);
      notify({ block: engine.tree.best.hash, changes: before });
      return engine.listen({
        ...SILENT,
        onBest: (block) => {
          const now = read(block, wanted);
          const changes = now.filter(([, value], index) => value !== before[index]?.[1]);
          before = now;
          if (changes.length > 0) notify({ block: block.hash, changes });
        },
      });
    },
  },
  author_submitAndWatchExtrinsic: {
    notification: "author_extrinsicUpdate",
    unsubscribe: "author_unwatchExtrinsic",
    start: (engine, [bytes], notify) => {
      const { status, unwatch } = engine.submit(hexToU8a(text(bytes)), notify);
      notify(status);
      return unwatch;
    },
  },
};

function read(block: Block, keys: readonly string[]): (readonly [string, string | null])[] {
  return keys.map((key) => [key, storageHex(block, key)] as const);
}
